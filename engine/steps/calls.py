"""Events of connector calls: answers, and failures that are repeated within the task's budget or raised."""

from binascii import crc32

from msgspec.structs import replace

from engine.case import CaseStatus
from engine.draft import Draft
from engine.effects import RepeatCall
from engine.events import CallAnswered, CallFailed
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.executions import Execution, execution_of
from engine.items.work_item import ItemState
from engine.names import number_of
from engine.net import firing
from engine.spec.model import Retry
from engine.steps import exlets

HTTP_KIND = "http_"
"""A failure of kind `http_503` is a status that was not expected; `retry.on` names it `503` or `5xx`."""


def answered(draft: Draft, event: CallAnswered) -> None:
    """The first definite outcome of any attempt wins; a later one is only noted."""
    if exlets.waits_for_steering(draft, number_of(event.item)):
        exlets.steered(draft, event, number_of(event.item))
        return
    found = _expected(draft, event.item)
    if found is None:
        return
    if event.superseded:
        draft.note("ignored", found.run.task, found.execution, f"attempt {event.attempt} came after another outcome")
    elif found.instance is None:
        firing.complete(draft, found.number, event.output)
    else:
        firing.end_instance(draft, found.number, found.execution, ItemState.COMPLETED, event.output)


def failed(draft: Draft, event: CallFailed) -> None:
    """A failed call is repeated after a pause while its budget lasts, else `connector_failed` is raised."""
    if exlets.waits_for_steering(draft, number_of(event.item)):
        exlets.steered(draft, event, number_of(event.item))
        return
    found = _expected(draft, event.item)
    if found is None:
        return
    run, number = found.run, found.execution
    if event.superseded or (found.instance is None and event.attempt <= run.attempt):
        draft.note("ignored", run.task, number, f"attempt {event.attempt} was superseded: {event.kind}")
        return
    call = draft.task(run.task).call
    assert call is not None, f"task {run.task} has a call but no connector"
    retry = call.retry
    if event.retryable and event.attempt < retry.attempts and _named(retry.on, event.kind):
        pause_s = max(_pause_s(retry, event.attempt, event.item), event.retry_after_s or 0.0)
        not_before = draft.at + round(pause_s * 1000)
        if found.instance is None:
            draft.case.runs[number] = replace(run, attempt=event.attempt)
        draft.effects.append(RepeatCall(event.item, event.attempt, not_before))
        draft.note("retry", run.task, number, {"kind": event.kind, "not_before": not_before})
        return
    cause = f"{event.kind} at attempt {event.attempt} of {retry.attempts}: {event.message}"
    if found.instance is None or firing.fails_its_task(draft, found.number):
        raise_exception(draft, ExceptionKind.CONNECTOR_FAILED, run.task, number, cause)
    else:
        draft.note("cause", run.task, number, cause)
        firing.end_instance(draft, found.number, number, ItemState.FAILED)


def _expected(draft: Draft, item: str) -> Execution | None:
    number = number_of(item)
    found = execution_of(draft.case, number)
    goes_on = draft.case.status is CaseStatus.RUNNING or exlets.waits_for_call(draft, number)
    if found is None or not goes_on or (draft.case.handling and _is_lost(draft, found.number)):
        draft.note("ignored", number=number, detail="nothing waits for this outcome any more")
        return None
    return found


def _is_lost(draft: Draft, run: int) -> bool:
    """Whether nothing more comes of a run by itself, and what is done about that is not done yet."""
    return any(each.lost and each.run == run for each in draft.case.handling.values())


def _named(on: tuple[str, ...], kind: str) -> bool:
    """Whether `retry.on` names a kind of failure: by its word, a status, a class of statuses, or `any`."""
    if "any" in on or kind in on:
        return True
    status = kind.removeprefix(HTTP_KIND)
    return kind.startswith(HTTP_KIND) and (status in on or f"{status[:1]}xx" in on)


def _pause_s(retry: Retry, attempt: int, item: str) -> float:
    """The pause before the next attempt: exponential, bounded, and spread by up to a quarter.

    The spread keeps the calls of many cases from coming back all at once. It is read from the item's name, because a
    step may not use chance.
    """
    pause = min(retry.max_s, retry.backoff_s * retry.factor ** (attempt - 1))
    spread = crc32(f"{item}#{attempt}".encode()) / 2**32
    return pause * (1.0 - spread / 4)
