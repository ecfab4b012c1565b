"""Readers: bytes of a container in, packets of the codec out. Pure parsing; no codec runs here."""
