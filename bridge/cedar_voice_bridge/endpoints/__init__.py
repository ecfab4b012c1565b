"""The handlers behind the routes: WebSocket, uploads with an event stream, single exchanges."""
