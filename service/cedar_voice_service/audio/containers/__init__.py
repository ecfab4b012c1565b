"""Readers: bytes of a container in, the codec's packets out. Pure parsing; no codec runs here."""
