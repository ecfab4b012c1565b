"""The engines behind the stages: a folder for each, a registry, and wrappers for all of them."""
