"""Faults injected into real processes: Redis, Celery workers, beat and the API, with the clients' histories checked.

`python -m pytest tests/chaos` runs a short round of most faults. `python -m tests.chaos` runs all of them and prints
the table that stands in `docs/guarantees.md`; `--failpoints` crashes a process before and after each side effect, and
`--linearizability` lets four processes compete for the same items.
"""
