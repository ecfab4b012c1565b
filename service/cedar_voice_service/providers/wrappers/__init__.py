"""Behaviour around an engine of any vendor: retry, fallback, load shedding, windows, pitch."""
