"""The `cedar-voice` command."""
