"""A dialect that only a test registers: typed lines up, whole replies down."""
