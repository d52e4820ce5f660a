"""Ports for servers of tests, also for those that are stopped and started again at the same address."""

import os
import random
import socket
from collections.abc import Sequence
from contextlib import closing

HOST = "127.0.0.1"

# Below what Linux gives to outgoing connections: while a server is away none of these can take its port.
RANGE = range(20_000, 32_000)
TRIED = 100

WORKERS = 16
"""Between so many processes that run tests beside each other the ports are divided."""


def ports_of(worker: str) -> Sequence[int]:
    """The ports of one process (`gw3`, or nothing): no other gives them away before a server listens on them."""
    return RANGE[int(worker.removeprefix("gw") or 0) % WORKERS :: WORKERS]


OWN = ports_of(os.environ.get("PYTEST_XDIST_WORKER", ""))


def free_port(among: Sequence[int] = OWN) -> int:
    """A port that nobody listens on."""
    for port in random.SystemRandom().sample(among, TRIED):
        with closing(socket.socket()) as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((HOST, port))
            except OSError:
                continue
            return port
    raise AssertionError(f"none of {TRIED} ports is free")
