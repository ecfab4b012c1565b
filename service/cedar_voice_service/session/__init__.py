"""What a conversation is: pure rules. Events in, commands and messages out; time is data."""
