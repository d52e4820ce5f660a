"""Resources: who there is, and who gets which work."""
