"""Those who begin and steer cases, and those who rescue cases that stand still."""

from engine import names
from engine.case import CaseStatus
from engine.errors import Overloaded
from engine.events import CaseCancelled, CaseResumed, CaseRetried, CaseSuspended, Event, TriggerPosted
from engine.store.port import CaseQuery
from engine.submission import submission
from tests.simulation.nets import Scenario
from tests.simulation.office import Office
from tests.simulation.scheduler import SECOND

RESCUES_EVERY_S = 5.0
MOST_ASKED = 200
"""How often somebody asks for what must be done, over hours if need be."""


class Initiator:
    """Begins one case, and may cancel, suspend and resume it, or post what it waits for."""

    def __init__(self, case_id: str, scenario: Scenario, office: Office, *, not_before_ms: int, steers: str) -> None:
        self._case = case_id
        self._scenario = scenario
        self._office = office
        self._not_before_ms = not_before_ms
        self._steers = steers

    def work(self) -> None:
        """Begins the case, and steers it."""
        office = self._office
        office.think(office.thinking_s * 3)
        for asked in range(MOST_ASKED):
            if office.request(self._submit) or self._case in office.ledger.submitted:
                break
            office.think(1.0 + asked)
        if self._scenario.trigger is not None:
            self._insist(TriggerPosted(self._scenario.trigger, None, "ann"), "trigger")
        if self._steers == "cancel":
            office.think(office.thinking_s * 8)
            office.ledger.cancelled.add(self._case)
            office.request(lambda: office.post(self._case, CaseCancelled("ann"), f"cancel {self._case}"))
        elif self._steers:
            for nth in range(len(self._steers)):
                office.think(office.thinking_s * 4)
                self._insist(CaseSuspended("ann"), f"suspend {nth}")
                office.think(office.thinking_s * 4)
                self._insist(CaseResumed("ann"), f"resume {nth}")

    def _submit(self) -> None:
        office = self._office
        at = office.store.now()
        begins = at + self._not_before_ms if self._not_before_ms else 0
        begun = submission(
            office.definitions.get(self._scenario.name, "1"),
            self._case,
            {},
            by="ann",
            correlation_id=self._case,
            at=at,
            not_before=begins,
        )
        [submitted] = office.store.submit([begun], office.most_waiting)
        if submitted.full:
            raise Overloaded("too much waits")
        office.ledger.submitted.add(self._case)
        if submitted.ring:
            office.bell.ring(names.shard_of(self._case, office.store.shards))

    def _insist(self, event: Event, what: str) -> None:
        """Asks until it is answered: a case that nobody resumes waits for ever."""
        office, key = self._office, f"{what} {self._case}"
        for _ in range(MOST_ASKED):
            if key in office.ledger.wishes:
                return
            office.request(lambda: office.post(self._case, event, key))
            office.think(1.0)


class Rescuer:
    """Retries cases that stand still because their events killed too many drainers."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._retries = 0

    def work(self) -> None:
        """Looks now and then."""
        while True:
            self._office.scheduler.sleep(round(RESCUES_EVERY_S * SECOND))
            self._office.request(self._rescue)

    def _rescue(self) -> None:
        for case in self._office.store.cases(CaseQuery(status=CaseStatus.FAULTED)).cases:
            self._retries += 1
            self._office.post(case.id, CaseRetried("ann"), f"retry {self._retries} {case.id}")
