"""One run of a scenario: load, the fault in the middle of it, the rest of the load, then the reckoning."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event, Thread

from engine.errors import Unavailable
from tests.chaos.clients import Person, Recorder, Submitter, in_thread
from tests.chaos.evidence import cases_of, records_of
from tests.chaos.faults import Fault
from tests.chaos.history import NOTHING_AT_STAKE, Answer, History, Loss, Operation, Span, Verdict, check
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


@dataclass(slots=True, kw_only=True)
class Run:
    """What came of one run.

    `began` and `over` are the moments of the fault (monotonic seconds), `crashed_at` that from which on nothing more
    is lost; `restarted` counts the processes that ended
    by themselves.
    """

    name: str
    began: float
    over: float
    crashed_at: float
    at_stake: Span
    recovery: Recovery
    verdict: Verdict
    history: History
    cases: int
    restarted: int

    @property
    def losses(self) -> list[Loss]:
        """What is lost and must not be."""
        return [loss for loss in self.verdict.losses if not self.at_stake.has(loss.answered_at)]

    @property
    def forgiven(self) -> list[Loss]:
        """What is lost and was acknowledged so late that it may be."""
        return [loss for loss in self.verdict.losses if self.at_stake.has(loss.answered_at)]

    @property
    def oldest_loss_s(self) -> float:
        """How long before the crash the earliest thing was acknowledged that is lost."""
        return max((self.crashed_at - loss.answered_at for loss in self.verdict.losses), default=0.0)

    @property
    def acknowledged(self) -> int:
        """How many calls that change something were answered with success."""
        return sum(call.answer is Answer.OK and call.operation is not Operation.LIST for call in self.history)

    @property
    def recovered_s(self) -> float | None:
        """Seconds from the end of the fault until what had piled up was done and a client was answered again."""
        answered = [
            call.answered_at for call in self.history if call.answer is Answer.OK and call.answered_at >= self.over
        ]
        if self.recovery.drained_s is None or not answered:
            return None
        return max(self.recovery.drained_s, min(answered) - self.over)


def run(site: Site, name: str, fault: Fault, load: Load, forgiven_s: float = 0.0) -> Run:
    """Runs a load with a fault in it. What was acknowledged in the `forgiven_s` before its crash may be lost."""
    history = History()
    restarted = site.restarted.total()
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
        crashed_at = fault(site)
        over = time.monotonic()
        stopwatch = Stopwatch(site.state.client(), site.settings.shards)
        stopped.wait(load.after_s)
        stopped.set()
        _join(threads, load.rest_within_s)
        given_up.set()
        _wait_for_rest(site, name, history, load.rest_within_s)
    finally:
        for event in (stopped, given_up, done):
            event.set()
        _join([*threads, *people], load.rest_within_s)
    recovery = stopwatch.stopped()
    records = records_of(site.parts, name, _given(history))
    # What was kept before the crash may be answered a little after it.
    at_stake = Span(crashed_at - forgiven_s, over) if crashed_at is not None else NOTHING_AT_STAKE
    verdict = check(history, records, EXPECTED, at_stake)
    verdict.doubles += [f"the key {key} came with several requests" for key in site.service.keys_of_several_requests()]
    return Run(
        name=name,
        began=began,
        over=over,
        crashed_at=began if crashed_at is None else crashed_at,
        at_stake=at_stake,
        recovery=recovery,
        verdict=verdict,
        history=history,
        cases=len(records),
        restarted=site.restarted.total() - restarted,
    )


def _given(history: History) -> set[str]:
    """The ids of the cases that were accepted."""
    return {call.given for call in history.acknowledged(Operation.SUBMIT)}


def _wait_for_rest(site: Site, name: str, history: History, within_s: float) -> None:
    """Waits until every case of this run has ended, or for so long."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            if all(case.ended for case in cases_of(site.parts, name, _given(history))):
                return
        except Unavailable:
            pass
        time.sleep(POLL_S)


def _join(threads: Sequence[Thread], within_s: float) -> None:
    until = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))
