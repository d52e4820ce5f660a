"""One run of a scenario: load, the fault in the middle of it, the rest of the load, then the reckoning."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from engine.errors import Unavailable
from tests.chaos.clients import Person, Recorder, Submitter, in_thread
from tests.chaos.evidence import cases_of, records_of
from tests.chaos.history import History, Operation, Verdict, check
from tests.chaos.recovery import Recovery, Stopwatch
from tests.chaos.site import DESK, Site
from tests.chaos.specifications import CLERKS, EXPECTED

SUBMITTERS = 2
CASES_PER_S = 12.0
"""Of each submitter."""

CASES_BEFORE = 15
"""Cases that are accepted before the fault begins."""

AFTER_S = 1.0
"""How long the load goes on when the fault is over."""

REST_WITHIN_S = 60.0
"""A case that has not ended so long after the load is stuck."""

POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much is asked for, and of what."""

    submitters: int = SUBMITTERS
    per_s: float = CASES_PER_S
    kinds: tuple[str, ...] = tuple(EXPECTED)
    before: int = CASES_BEFORE
    after_s: float = AFTER_S
    rest_within_s: float = REST_WITHIN_S


@dataclass(slots=True)
class Run:
    """What came of one run. `began` and `over` are the moments of the fault (monotonic seconds)."""

    name: str
    began: float
    over: float
    recovery: Recovery
    verdict: Verdict
    history: History
    cases: int
    notes: list[str] = field(default_factory=list)

    @property
    def forgiven(self) -> float:
        """How long before the fault the earliest thing was acknowledged that is lost, in seconds."""
        return max((self.began - loss.answered_at for loss in self.verdict.losses), default=0.0)


def run(site: Site, name: str, fault: Callable[[Site], None], load: Load | None = None) -> Run:
    """Runs a load with a fault in it."""
    load = load or Load()
    history = History()
    stopped, given_up, done = Event(), Event(), Event()
    threads = [
        in_thread(
            f"{name}-submitter-{number}",
            Submitter(
                name, number, Recorder(f"desk-{number}", site.client(DESK), history), load.kinds, load.per_s
            ).work,
            stopped,
            given_up,
        )
        for number in range(load.submitters)
    ]
    people = [in_thread(f"{name}-{who}", Person(Recorder(who, site.client(who), history)).work, done) for who in CLERKS]
    try:
        site.wait_until(lambda: len(history.acknowledged(Operation.SUBMIT)) >= load.before, "the first cases")
        began = time.monotonic()
        fault(site)
        over = time.monotonic()
        stopwatch = Stopwatch(site.state.client(), site.settings.shards)
        stopped.wait(load.after_s)
        stopped.set()
        _join(threads, load.rest_within_s)
        given_up.set()
        _wait_for_rest(site, name, load.rest_within_s)
    finally:
        for event in (stopped, given_up, done):
            event.set()
        _join([*threads, *people], load.rest_within_s)
    recovery = stopwatch.stopped()
    records = records_of(site.parts, name)
    return Run(name, began, over, recovery, check(history, records, EXPECTED), history, len(records))


def _wait_for_rest(site: Site, name: str, within_s: float) -> None:
    """Waits until every case of this run has ended, or for so long."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            if all(case.ended for case in cases_of(site.parts, name)):
                return
        except Unavailable:
            pass
        time.sleep(POLL_S)


def _join(threads: list, within_s: float) -> None:
    until = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))
