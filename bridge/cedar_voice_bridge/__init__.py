"""The browser bridge: WebSocket JSON of Cedar frontends to the gRPC contract, through the SDK."""
