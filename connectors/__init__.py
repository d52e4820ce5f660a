"""Connectors: how an automated task reaches the world outside. This package knows nothing of the rest."""
