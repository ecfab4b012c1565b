"""HTTP and WebSocket basics: origins, CORS, forms, server-sent events, refusals, static files."""
