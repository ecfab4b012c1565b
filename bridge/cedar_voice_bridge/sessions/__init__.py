"""Sessions that a browser shares between its sockets, event streams and uploads."""
