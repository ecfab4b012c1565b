"""Worker processes: the pool, its frames, and the decoding of recordings."""
