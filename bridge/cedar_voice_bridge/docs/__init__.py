"""Documents of the bridge's protocols for programs: OpenAPI and AsyncAPI."""
