"""Protobuf to session vocabulary and back. Pure: every check of what a client sends is here."""
