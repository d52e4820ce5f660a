"""A crash on either side of each side effect, one after another, as scenarios like any other.

The ring has these: the API appends an event, rings and answers; a worker takes a lease, reads, loads, commits, gives
the lease back, takes calls, makes them, reports their outcomes, fires timers and publishes messages. What lies between
two of them has no effect outside its process, so that a crash anywhere is a crash after one and before the next.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.chaos.failpoints import ANSWER, EXIT_CODE, Failpoint, When
from tests.chaos.faults import Fault
from tests.chaos.runs import Load
from tests.chaos.scenarios import PLAIN, Scenario
from tests.chaos.site import Site

LOAD = Load(before=8, after_s=0.3)

WORKER = "worker-1"
API = "api"


class Effect(NamedTuple):
    """A side effect: its name, whose it is, the operation, and at which call of it the process dies.

    Not at the first one, so that there is something to be lost.
    """

    name: str
    process: str
    operation: str
    nth: int = 3


EFFECTS = (
    Effect("append of a case", API, "store.submit", 5),
    Effect("append of a completion, claim", API, "store.move", 5),
    Effect("commit of a start", API, "store.commit", 3),
    Effect("ring by the API", API, "doorbell.ring", 2),
    Effect("answer of the API", API, ANSWER, 6),
    Effect("lease", WORKER, "store.acquire"),
    Effect("read", WORKER, "store.read"),
    Effect("load", WORKER, "store.load"),
    Effect("commit", WORKER, "store.commit"),
    Effect("release of the lease", WORKER, "store.release"),
    Effect("taking of calls", WORKER, "store.take_calls"),
    Effect("call", WORKER, "connectors.begin", 5),
    Effect("report of an outcome", WORKER, "store.report"),
    Effect("firing of timers", WORKER, "store.fire_timers"),
    Effect("looking for what was lost", WORKER, "store.work", 2),
    Effect("ring by a worker", WORKER, "doorbell.ring", 2),
    Effect("message for calls", WORKER, "doorbell.calls", 1),
)


def crashes(effect: Effect) -> Iterator[Scenario]:
    """A crash before it and a crash after it."""
    for when in When:
        failpoint = Failpoint(effect.operation, when, effect.nth)
        crash = _api_dies(failpoint) if effect.process == API else _worker_dies(failpoint)
        yield Scenario(name=f"{effect.name}, {when}", fault=crash, layout=PLAIN, load=LOAD)


def _worker_dies(failpoint: Failpoint) -> Fault:
    def crash(site: Site) -> None:
        """The only worker dies at its failpoint; then all are started again."""
        site.stop(*site.worker_names)
        site.start(WORKER, "tests.chaos.failing_worker", failpoint.environment(site.new_file("failed")))
        site.wait_until(lambda: site.has_ended(WORKER), f"the crash at {failpoint}")
        code = site.forget(WORKER)
        assert code == EXIT_CODE, f"the worker ended with {code} instead of at {failpoint}"
        for name in site.worker_names:
            site.start(name)

    return crash


def _api_dies(failpoint: Failpoint) -> Fault:
    def crash(site: Site) -> None:
        """The process that serves requests dies at its failpoint; gunicorn starts another."""
        failed = site.new_file("failed")
        site.stop(API)
        site.start(API, "tests.chaos.failing_api", failpoint.environment(failed))
        site.wait_until(failed.exists, f"the crash at {failpoint}")

    return crash
