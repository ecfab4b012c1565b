"""Audio as bytes: pure. Every stage is feed() and flush(); no I/O, no clock, no tasks."""
