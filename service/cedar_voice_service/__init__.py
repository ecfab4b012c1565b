"""The voice service: sessions, the speech pipeline and its engines behind one gRPC contract."""
