"""The world outside, as a connector sees it: it answers at once, slowly, with a failure, or when it is too late."""

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

from connectors.port import CallRequest, ConfigProblem, Done, Failed, Outcome
from tests.simulation.faults import Fault, Faults
from tests.simulation.scheduler import SECOND, Scheduler

QUICK_S = 0.4
IN_NO_TIME_S = 0.0004
SLOW_S = 9.0
LATE_S = 4.0


class FickleConnector:
    """Gives back its input in the end. `made` counts what it was asked, by idempotency key.

    In every second world it answers in no time as a rule, so that drains make its calls themselves.
    """

    name = "fickle"

    def __init__(self, scheduler: Scheduler, faults: Faults, seed: int) -> None:
        self._scheduler = scheduler
        self._faults = faults
        self._as_a_rule_s = Random(f"{seed}/connector").choice((QUICK_S, IN_NO_TIME_S))
        self.made: Counter[str] = Counter()

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return []

    def call(self, request: CallRequest) -> Outcome:
        actor, strikes = self._scheduler.current, self._faults.strikes
        actor.points += 1
        self.made[request.item_id] += 1
        takes_s = actor.luck.uniform(0, self._as_a_rule_s)
        if strikes(Fault.CALL_SLOW, actor):
            takes_s = actor.luck.uniform(0, SLOW_S)
        if strikes(Fault.CALL_LATE, actor):
            takes_s = request.timeout_s + actor.luck.uniform(0, LATE_S)
        self._scheduler.sleep(round(takes_s * SECOND))
        if strikes(Fault.CALL_RAISES, actor):
            raise RuntimeError("a mistake of the connector")
        if strikes(Fault.CALL_FAILS, actor):
            return Failed("http_503", "asked to fail", retryable=True)
        return Done(dict(request.input))

    def close(self) -> None:
        pass
