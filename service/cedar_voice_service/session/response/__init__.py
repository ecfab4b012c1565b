"""One response: its text, its actions, and its audio on the way to the client."""
