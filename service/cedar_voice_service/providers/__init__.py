"""The engines behind the stages, one file per engine."""
