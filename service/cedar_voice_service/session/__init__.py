"""The pure core of a session: events in, commands and messages out; time is data."""
