"""The engines behind the three stages, one file per engine."""
