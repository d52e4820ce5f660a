"""Calls whose outcome comes later, from outside: the rules that every store keeps.

Such a call was made and is nobody's any more. Its head says for how long it is waited for; when that has passed it is
not made again by itself: it has failed with a timeout, and its task's `retry` decides. Whatever state it is in, the
first callback that counts ends it, and its head says `reported` from then on: so a token is good for one use.
"""

from engine.effects import Call
from engine.events import CallAnswered, CallFailed
from engine.store import codec
from engine.store.port import Reported

NEVER_MS = 2**53 - 1
"""When a call is due that is waited for as long as its task lives: the greatest whole number that a score can say."""

KIND = "timeout"


def due_at(now: int, wait_ms: int | None) -> int:
    """When an awaited call is due."""
    return NEVER_MS if wait_ms is None else min(now + wait_ms, NEVER_MS)


def is_awaited(head: str) -> bool:
    """Whether the outcome of a call with this head comes from outside."""
    return head.startswith(codec.AWAITING_CALL)


def attempt_of(head: str) -> int:
    """The attempt that a callback answers: the one under way or the last one, and the first where none was made yet."""
    return max(codec.attempts_of(head), 1)


def accepts(head: str, event: CallAnswered | CallFailed) -> bool:
    """Whether a call with this head takes this outcome from a callback.

    A failure of an attempt that has failed already, and is to be repeated, says nothing new.
    """
    if head.startswith(codec.REPORTED_CALL) or attempt_of(head) != event.attempt:
        return False
    between = head.startswith(codec.WAITING_CALL) and codec.attempts_of(head) > 0
    return isinstance(event, CallAnswered) or not between


def overdue(call: Call, head: str) -> Reported:
    """The failure of an awaited call that nobody called back for in time."""
    wait_s = codec.wait_ms_of(head) / 1000
    event = CallFailed(call.item, attempt_of(head), KIND, f"no callback within {wait_s:g} s", retryable=True)
    return Reported(event, call.correlation_id, call.instance is not None)
