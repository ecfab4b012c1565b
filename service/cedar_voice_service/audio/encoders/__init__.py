"""Encoders of answer audio: samples and MP3 frames in, chunks of files out. Pure."""
