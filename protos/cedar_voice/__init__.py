"""The Cedar Voice contract, as generated Python."""
