"""A service that fails a share of its calls, in six ways, and does what each `Idempotency-Key` asks for once.

`POST /book` gives `{"n": n + 1}`. What a request meets is decided by its key and by how often that came, so that a test
can say which failures each call must have seen.
"""

import asyncio
import json
import random
from collections import Counter, defaultdict
from enum import StrEnum

from tests.chaos.service import Service, response


class Fault(StrEnum):
    """What happens instead of an answer. The first two come before the service has done anything, the others after."""

    BROKEN = "http_500"
    BUSY = "http_429"
    SLOW = "timeout"
    RESET = "reset"
    TRUNCATED = "truncated"
    NONSENSE = "nonsense"


KINDS = {
    Fault.BROKEN: "http_500",
    Fault.BUSY: "http_429",
    Fault.SLOW: "timeout",
    Fault.RESET: "connection",
    Fault.TRUNCATED: "connection",
    Fault.NONSENSE: "bad_response",
}
"""The kind of failure that each makes of a call."""


class UnreliableService(Service):
    """`share` of the calls fail; a slow one takes `slow_s`. `met` is what the requests of each key met, in order."""

    def __init__(self, share: float, slow_s: float) -> None:
        super().__init__()
        self._share = share
        self._slow_s = slow_s
        self.met: dict[str, list[Fault | None]] = defaultdict(list)
        self.effects: Counter[str] = Counter()

    async def answer(self, writer: asyncio.StreamWriter, path: str, key: str, body: bytes) -> None:
        self.bodies[key].append(body)
        fault = self.fault(key, len(self.bodies[key]))
        self.met[key].append(fault)
        if fault is Fault.BROKEN:
            writer.write(response(500, b"{}"))
            return
        if fault is Fault.BUSY:
            writer.write(response(429, b"{}", more="Retry-After: 0\r\n"))
            return
        if not self.effects[key]:
            self.effects[key] += 1
        answer = json.dumps({"n": json.loads(body)["n"] + 1}).encode()
        match fault:
            case Fault.SLOW:
                await asyncio.sleep(self._slow_s)
                writer.write(response(200, answer))
            case Fault.RESET:
                writer.transport.abort()
                raise ConnectionResetError
            case Fault.TRUNCATED:
                writer.write(response(200, answer[:3], len(answer)))
                raise ConnectionResetError
            case Fault.NONSENSE:
                writer.write(response(200, answer[:-1]))
            case _:
                writer.write(response(200, answer))

    def fault(self, key: str, nth: int) -> Fault | None:
        """What the n-th request of a key meets."""
        chance = random.Random(f"{key}/{nth}")
        return chance.choice(list(Fault)) if chance.random() < self._share else None
