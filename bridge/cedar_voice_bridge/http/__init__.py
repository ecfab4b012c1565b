"""HTTP and WebSocket: origins, CORS, forms, server-sent events, refusals, static files."""
