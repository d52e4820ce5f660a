"""The whole system in one process on a simulated world: clock, Redis, broker, connectors, people; one seed for all.

After FoundationDB's simulation and TigerBeetle's VOPR. `python -m tests.simulation --seeds 10000` runs it.
"""
