"""Protobuf to session vocabulary and back. Pure: every check of client messages is here."""
