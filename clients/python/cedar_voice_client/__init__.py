"""The Python SDK of Cedar Voice."""
