"""A moment of silence as an MP3 file, for a last chunk that has no speech left to carry."""

_HEADER = bytes((0xFF, 0xF3, 0x44, 0xC0))
"""MPEG-2 layer III, 32 kbit/s, 24 kHz, mono."""

_FRAME_BYTES = 96
_FRAMES = 3

SILENT_MP3 = (_HEADER + bytes(_FRAME_BYTES - len(_HEADER))) * _FRAMES
"""72 ms. An empty granule needs no bits, so the rest of each frame is zeros."""
