"""Turn-taking: when the user's turn begins and ends, and what speech over a response does."""
