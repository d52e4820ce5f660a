"""Backups: a whole store in one file, checked, and put back as it was or as it had been at a moment."""
