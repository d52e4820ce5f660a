"""Schemathesis against the running API: what its description allows, and what it does not, thousands of times."""
