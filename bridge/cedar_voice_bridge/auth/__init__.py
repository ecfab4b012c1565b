"""Authentication of requests and sockets: the gate, tickets, rate limits."""
