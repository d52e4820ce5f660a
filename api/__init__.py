"""The HTTP API: Flask here and nowhere else, and a client that does without it."""
