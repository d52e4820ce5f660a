"""A call on its way between the engine and the connectors, which do not know each other: the request, and the event."""

from connectors.port import CallRequest, Done, FailureKind, Later, Outcome
from engine.data.values import problems_of
from engine.effects import Call
from engine.events import CallAnswered, CallFailed
from engine.store.port import Awaited

PROBLEMS_TOLD = 3


def request_of(call: Call, attempt: int) -> CallRequest:
    """What a connector is asked, for the n-th time."""
    return CallRequest(
        item_id=call.item,
        attempt=attempt,
        connector=call.connector,
        config=call.config,
        input=call.input,
        timeout_s=call.timeout_s,
        correlation_id=call.correlation_id,
    )


def awaited_of(call: Call, attempt: int, later: Later) -> Awaited:
    """What the store is told of a call whose outcome comes by callback."""
    return Awaited(call.item, attempt, None if later.wait_s is None else round(later.wait_s * 1000))


def event_of(call: Call, attempt: int, outcome: Outcome) -> CallAnswered | CallFailed:
    """The event that an outcome makes. An answer that no case can hold is a failure."""
    if not isinstance(outcome, Done):
        return CallFailed(call.item, attempt, outcome.kind, outcome.message, outcome.retryable, outcome.retry_after_s)
    problems = problems_of(outcome.output)
    if not problems:
        return CallAnswered(call.item, attempt, outcome.output)
    told = "; ".join(f"{path} {message}" for path, message in problems[:PROBLEMS_TOLD])
    reason = f"the answer is not what a case can hold: {told}"
    return CallFailed(call.item, attempt, FailureKind.BAD_RESPONSE, reason, retryable=False)
