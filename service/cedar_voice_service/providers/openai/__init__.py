"""Engines behind servers that speak OpenAI's HTTP and Realtime protocols."""
