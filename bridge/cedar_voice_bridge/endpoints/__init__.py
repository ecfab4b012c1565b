"""Endpoints that any dialect may use: a WebSocket joined to a shared session."""
