"""The `shared` connector: an automated task writes data that its case shares with others.

Its input, by the time it is called, says what is set where and what is expected there (`engine.net.sharing.write_of`).
The item of the call is the mark of the write, so a call that is made again writes once. The output is
`{written, values}`: whether it was written, and what then stands there.

| key of the config | meaning |
|---|---|
| `unchanged` | names of variables: nothing is written unless each still is what the case has read |
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from connectors.config import check_deployed, list_of, number, table, text
from connectors.port import CallRequest, ConfigProblem, Done, Failed, FailureKind, Outcome
from engine.errors import Unavailable
from engine.shared_data import SharedData
from engine.spec.model import SHARED_CONNECTOR
from engine.store.folders import Expected, Write
from engine.store.port import Once

_CONFIG = table({"unchanged": list_of(text), "timeout_s": number(0, 3600)})
INPUT = frozenset({"place", "set", "expected", "defaults"})
_encode = msgspec.json.Encoder(order="deterministic").encode


class SharedConnector:
    """Writes shared data. Without any it only checks configurations."""

    name = SHARED_CONNECTOR

    def __init__(self, shared: SharedData | None) -> None:
        self._shared = shared

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return check_deployed(_CONFIG, config)

    def call(self, request: CallRequest) -> Outcome:
        assert self._shared is not None, "these connectors are for checking only"
        missing = sorted(INPUT - request.input.keys())
        if missing:
            message = f"it is called by cases, and its input lacks {', '.join(missing)}"
            return Failed(FailureKind.BAD_CONFIG, message, retryable=False)
        place, values = str(request.input["place"]), request.input["set"]
        if not values:
            return Failed(FailureKind.BAD_CONFIG, "its input gives nothing to write", retryable=False)
        expected = request.input["expected"]
        unset = frozenset(name for name, value in expected.items() if value == request.input["defaults"][name])
        mark = Once(request.item_id, sha256(_encode(values)).hexdigest())
        try:
            done = self._shared.write(place, values, mark, Expected(expected, unset))
            if done in (Write.DONE, Write.DIFFERS):
                return Done({"written": done is Write.DONE, "values": self._shared.read(place).values})
        except Unavailable as away:
            return Failed(FailureKind.CONNECTION, str(away), retryable=True)
        return Failed(FailureKind.REFUSED, f"{place}: {_REFUSED[done]}", retryable=False)

    def close(self) -> None:
        pass


_REFUSED = {
    Write.CLOSED: "the case that shares it has ended",
    Write.FULL: "it holds as much as it may",
    Write.OTHER: "this item has written something else there before",
}
