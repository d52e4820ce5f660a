"""What became of an exception: the entry of the journal that says it, from which the log of exceptions is made too."""

from engine.case import Handling
from engine.draft import Draft

HANDLED = "handled"
UNHANDLED = "unhandled"
ABANDONED = "abandoned"
"""Its case has ended before."""


def note_outcome(draft: Draft, outcome: str, handled: Handling, reason: str = "") -> None:
    """Nothing more is done about an exception. `reason` says why what was to be done could not be."""
    detail = {"kind": handled.kind, "message": handled.message, "raised_at": handled.at}
    draft.note(outcome, handled.task, handled.execution, {**detail, "reason": reason} if reason else detail)


def note_unhandled(draft: Draft, kind: str, task: str, execution: int, message: str) -> None:
    """Nothing can be done about an exception that was raised this moment."""
    note_outcome(draft, UNHANDLED, Handling(kind, task, 0, execution, message, at=draft.at))
