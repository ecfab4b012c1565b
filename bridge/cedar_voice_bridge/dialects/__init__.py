"""Dialects of browsers: each is a folder with its frames, translator, endpoint and description."""
