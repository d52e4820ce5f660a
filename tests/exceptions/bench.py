"""Cases in which something goes wrong: a small net on the memory store, with a clock and rules of the test's own."""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.exceptions.ripple_down_rules import RuleSet
from engine.exceptions.rule_book import RuleBook
from engine.names import shard_of
from engine.spec.model import Specification
from engine.spec.read import read_specification
from engine.store.memory import MemoryStore
from engine.submission import submission
from tests.patterns.played import CASE, Played

HOUR = 3_600_000


def specification(name: str, main: Mapping[str, Any], **top: Any) -> Specification:
    """A specification of one net, and of what else is given at its top."""
    nets = {"main": dict(main), **top.pop("nets", {})}
    document = {"specification": name, "version": "1", "nets": nets, **top}
    return read_specification(msgspec.json.encode(document).decode())


def call_customer() -> Specification:
    """A worklet: somebody is called, and what he said comes back."""
    variables = {"amount": {"input": True, "default": 0}, "answer": {"output": True}}
    call = {"kind": "human", "offer": {"roles": ["clerk"]}, "output": {"answer": "$.answer"}, "next": "end"}
    return specification("call-customer", {"variables": variables, "start": "call", "tasks": {"call": call}})


class Bench:
    """Starts cases, and lets time pass. `rules` are those of each specification, and may be changed at any time."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000
        self.store = MemoryStore(2, lambda: self.now)
        self.rules: dict[str, RuleSet] = {}
        self.played: list[Played] = []

    def start(self, written: Specification, *others: Specification, case_id: str = CASE, **data: Any) -> Played:
        case = Played(self.store, self._tick, case_id, (written, *others), rules=RuleBook(self.rules.get))
        begun = submission(written, case_id, data, by="ann", correlation_id="", at=self.now)
        self.store.submit([begun])
        case.drain()
        self.played.append(case)
        return case

    def passes(self, milliseconds: int) -> None:
        """Time passes; what is due then is handled."""
        self.now += milliseconds
        for case in self.played:
            self.store.fire_timers([shard_of(case.id, self.store.shards)], 100)
            case.drain()

    def check_replay(self) -> None:
        """The journals lead to what is stored."""
        for case in self.played:
            case.check_replay()

    def _tick(self) -> None:
        self.now += 1
