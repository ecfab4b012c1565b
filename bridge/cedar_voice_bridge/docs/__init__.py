"""The bridge's protocols as documents for programs: OpenAPI and AsyncAPI."""
