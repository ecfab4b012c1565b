"""Authentication of requests and sockets: the gate, tickets and rate limits."""
