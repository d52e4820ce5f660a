"""The whole system in one process on a simulated world: clock, Redis, broker, connectors, people; one seed for all.

After FoundationDB's simulation and TigerBeetle's VOPR. Real are the kernel, the runner, the worklist, the stores' logic
(the memory store, and in a share of the seeds the Redis store with its scripts on fakeredis), the station, the call
room with its threads, timers and upkeep. Simulated are what lies between and around them.

An actor (a thread of a worker, a client, beat) runs until its next operation on the store or the broker; there the seed
decides who goes on, how much time passes, and what goes wrong. So another actor may come between any two operations,
and a process may end at each. `watch` says what must hold after every change of the store, `verdict` what must hold
at the end.

    python -m tests.simulation --seeds 10000 [--from N] [--redis]   counts of seeds, steps and faults
    python -m tests.simulation --seed N [--trace]                   one seed; a failing one is made small
    python -m tests.simulation --planted                            how many seeds it takes to find planted bugs
"""
