"""The stores: a port, a complete one in memory, and one on Redis."""
