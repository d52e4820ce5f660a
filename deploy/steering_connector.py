"""The `steering` connector: what an exlet says of all cases of a specification reaches them, whatever their shards.

No task may name it. Its input says which specification, what is wished, and the root of the case that wishes it: that
tree does the same by itself. The other running root cases are told by an event each, marked with the item of the call,
so that a call that is made again tells each of them once. The output is `{told}`.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from connectors.port import CallRequest, ConfigProblem, Done, Failed, FailureKind, Outcome
from engine.case import CaseStatus
from engine.errors import Unavailable
from engine.events import CaseCancelled, CaseResumed, CaseSuspended, Envelope, Event
from engine.names import shard_of
from engine.spec.model import STEERING_CONNECTOR
from engine.store.port import CaseQuery, Once, Store

PAGE = 500

_WISHES: Mapping[str, tuple[CaseStatus, Callable[[str], Event]]] = {
    "suspend": (CaseStatus.RUNNING, lambda why: CaseSuspended("exlet")),
    "continue": (CaseStatus.SUSPENDED, lambda why: CaseResumed("exlet")),
    "remove": (CaseStatus.RUNNING, lambda why: CaseCancelled("exlet", why)),
}
"""Whom a wish is for, and the event that it is."""


class SteeringConnector:
    """Tells all cases of a specification something. Without a store it only stands for its name."""

    name = STEERING_CONNECTOR

    def __init__(self, store: Store | None, ring: Callable[[int], None]) -> None:
        self._store = store
        self._ring = ring

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return [ConfigProblem((), "no task can call it: only exlets reach all cases of a specification")]

    def call(self, request: CallRequest) -> Outcome:
        assert self._store is not None, "these connectors are for checking only"
        status, event_of = _WISHES[str(request.input["wish"])]
        specification, root = str(request.input["specification"]), str(request.input["root"])
        statuses = [status, CaseStatus.SUSPENDED] if request.input["wish"] == "remove" else [status]
        try:
            told = sum(self._tell(request, specification, root, each, event_of) for each in statuses)
        except Unavailable as away:
            return Failed(FailureKind.CONNECTION, str(away), retryable=True)
        return Done({"told": told})

    def close(self) -> None:
        pass

    def _tell(
        self, request: CallRequest, specification: str, root: str, status: CaseStatus, event_of: Callable[[str], Event]
    ) -> int:
        assert self._store is not None, "whoever tells has a store"
        told, after = 0, None
        while True:
            page = self._store.cases(CaseQuery(status=status, specification=specification, limit=PAGE, after=after))
            for case in page.cases:
                if case.parent is not None or case.id == root:
                    continue
                shard = shard_of(case.id, self._store.shards)
                why = f"case {root} asked for it"
                mark = Once(f"{case.id}:steered:{request.item_id}", sha256(why.encode()).hexdigest())
                envelope = Envelope(case.id, event_of(why), request.correlation_id)
                if self._store.append(shard, [envelope], mark).ring:
                    self._ring(shard)
                told += 1
            if page.next is None:
                return told
            after = page.next
