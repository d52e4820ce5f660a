"""The archive: case trees that have ended some time ago, each in a file of its own, readable but no longer moving."""
