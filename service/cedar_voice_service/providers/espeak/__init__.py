"""The embedded synthesizer: eSpeak NG in a process of its own."""
