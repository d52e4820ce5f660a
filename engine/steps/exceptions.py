"""Exceptions that come from outside: somebody tells a case, or an item of it, that something happened."""

from engine.case import CaseStatus
from engine.case_input import given_data_problems
from engine.draft import Draft
from engine.events import ExceptionRaised
from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.raising import raise_exception
from engine.executions import execution_of
from engine.names import number_of


def raised(draft: Draft, event: ExceptionRaised) -> None:
    """An external trigger: what is to be done about it the rules or the specification say; else it is only noted."""
    if draft.case.status is not CaseStatus.RUNNING or draft.case.ending is not None:
        draft.note("ignored", detail=f"the case is {draft.case.status}")
        return
    problems = given_data_problems(draft.net, event.data)
    if problems:
        # The case went to another version meanwhile.
        draft.note("refused", detail="; ".join(f"{path}: {message}" for path, message in problems))
        return
    found = execution_of(draft.case, number_of(event.item)) if event.item is not None else None
    if event.item is not None and found is None:
        draft.note("ignored", number=number_of(event.item), detail="the item is gone")
        return
    draft.set_data(event.data)
    message = f"{event.by} says: {event.name}"
    task, number = (found.run.task, found.execution) if found is not None else ("", 0)
    raise_exception(draft, ExceptionKind.EXTERNAL_TRIGGER, task, number, message, live=True, trigger=event.name)
