"""Turn-taking: the start and end of the user's turn, and speech over an answer."""
