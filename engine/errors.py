"""Refusals: what a caller asked for and may not have. Each has a stable code that clients can rely on.

A refusal changes nothing. What goes wrong outside (a connector fails) is an outcome and comes back as an event; what
must not happen (a broken invariant) is a bug, an assertion, and sends its event to the dead letters.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing wrong with an input: where (`$.order.lines[0].sku`) and what."""

    path: str
    message: str


class Refusal(Exception):
    """Something was asked for that the present state, the rights or the input do not allow.

    `code` is stable and machine-readable (`item_state_conflict`); the message is for people.
    """

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.problems = tuple(problems)


class NotFound(Refusal):
    """There is no such thing, or the caller may not know of it."""

    code = "not_found"


class Conflict(Refusal):
    """The present state does not allow it, or somebody else was faster."""

    code = "conflict"


class InvalidInput(Refusal):
    """The input is malformed, incomplete or ill-typed; `problems` says where."""

    code = "invalid_input"


class Forbidden(Refusal):
    """The caller lacks the right."""

    code = "forbidden"


class Overloaded(Refusal):
    """More is asked than is taken on: nothing was changed, try again later (`retry_after_s`, where that is known)."""

    code = "overloaded"
    retry_after_s: int | None = None


class RecordDamaged(Refusal):
    """A record of the store cannot be read. `casewright fsck --repair` makes a case again from its journal."""

    code = "case_damaged"


class Unavailable(Refusal):
    """The store is away, full or overloaded: nothing was changed, try again later."""

    code = "unavailable"
    retry_after_s: int | None = None
