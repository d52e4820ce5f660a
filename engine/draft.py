"""A step in the making: a copy of the case that may be changed, and what has been noted and asked for so far."""

from collections.abc import Mapping
from typing import Any

from engine.case import Case
from engine.effects import Effect
from engine.journal import Note
from engine.names import item_id
from engine.spec.model import Net, Specification, Task


class Draft:
    """What the parts of a step share.

    `touched` are the places whose tokens changed since the net last came to rest: only tasks that take from them can
    have become takeable or not. `created` counts new items and calls, which are bounded for each step.
    """

    __slots__ = ("_variables", "at", "case", "created", "effects", "net", "notes", "postponed", "touched")

    def __init__(self, specification: Specification, case: Case, at: int) -> None:
        self.case = case.copy()
        self.net: Net = specification.nets[case.net]
        # An outage of Redis may hand out an earlier clock; within a case time never goes back.
        self.at = max(at, case.updated_at)
        self.notes: list[Note] = []
        self.effects: list[Effect] = []
        self.touched: set[str] = set()
        self.created = 0
        self.postponed = False
        self._variables: Mapping[str, Any] | None = None

    @property
    def variables(self) -> Mapping[str, Any]:
        """What expressions and paths see: every declared variable, null while it is unset."""
        if self._variables is None:
            self._variables = {**self.net.nulls, **self.case.data}
        return self._variables

    def set_data(self, changes: Mapping[str, Any]) -> None:
        """Sets variables of the case."""
        if changes:
            self.case.data.update(changes)
            self._variables = None

    def note(self, what: str, task: str = "", number: int = 0, detail: Any = None) -> None:
        """Writes a line into the journal entry of this step."""
        self.notes.append(Note(what, task, number, detail))

    def next_number(self) -> int:
        """The next number of a run in this case."""
        self.case.counter += 1
        return self.case.counter

    def item(self, number: int) -> str:
        """The id of the item or call that belongs to a run."""
        return item_id(self.case.id, number)

    def task(self, name: str) -> Task:
        """A task of the case's net."""
        return self.net.tasks[name]
