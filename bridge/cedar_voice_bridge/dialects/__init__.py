"""Dialects of browsers, one folder each: frames, translator, endpoint, and what is registered."""
