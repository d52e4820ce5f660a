"""Faults injected into real processes: Redis, Celery workers, beat and the API, with the clients' histories checked.

`python -m pytest tests/chaos` runs a short round of most faults, `make chaos` all of them and prints the table that
stands in `docs/guarantees.md`.
"""
