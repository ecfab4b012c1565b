"""The embedded recognizer: PocketSphinx in worker processes."""
