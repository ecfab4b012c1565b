"""The window policy for batch recognizers: which audio to send, how to merge results. Pure."""
