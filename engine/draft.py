"""A step in the making: a copy of the case that may be changed, and what has been noted and asked for so far."""

from collections.abc import Mapping
from typing import Any

from engine.case import BUSY, Case
from engine.effects import Effect
from engine.journal import Note
from engine.names import item_id
from engine.net.state import NetState
from engine.spec.model import Net, Specification, Task

CREATED_PER_STEP = 100
"""Items, calls and children that one step may create; each is one to four keys of a commit, which touches 500."""

SWEPT_PER_STEP = 200
"""Items, calls and children that one step may clear away: two to three keys of a commit for each."""


class Draft:
    """What the parts of a step share.

    `touched` are the places whose tokens changed since the net last came to rest: only tasks that take from them can
    have become takeable or not. `unsettled` says that something else did which the rest of the net may wait for.
    `freed` are mutexes that somebody gave back. `created` and `swept` count what is bounded for each step; `postponed`
    says that there is more to do.
    """

    __slots__ = (
        "_state",
        "_variables",
        "at",
        "case",
        "created",
        "effects",
        "freed",
        "net",
        "notes",
        "postponed",
        "specification",
        "swept",
        "touched",
        "unsettled",
    )

    def __init__(self, specification: Specification, case: Case, at: int) -> None:
        self.case = case.copy()
        self.specification = specification
        self.net: Net = specification.nets[case.net]
        # An outage of Redis may hand out an earlier clock; within a case time never goes back.
        self.at = max(at, case.updated_at)
        self.notes: list[Note] = []
        self.effects: list[Effect] = []
        self.touched: set[str] = set()
        self.unsettled = False
        self.freed: set[str] = set()
        self.created = 0
        self.swept = 0
        self.postponed = False
        self._state = NetState(self.net, self.case.marking, self.case.due)
        self._variables: Mapping[str, Any] | None = None

    @property
    def variables(self) -> Mapping[str, Any]:
        """What expressions and paths see: every declared variable, null while it is unset."""
        if self._variables is None:
            self._variables = {**self.net.nulls, **self.case.data}
        return self._variables

    @property
    def state(self) -> NetState:
        """What joins look at. Taking tokens from it takes them from the case."""
        if self.net.or_joins:
            # Only or-joins ask what runs; elsewhere the dictionary stays empty.
            busy: dict[str, int] = {}
            for run in self.case.runs.values():
                if run.state in BUSY:
                    busy[run.task] = busy.get(run.task, 0) + 1
            self._state.busy = busy
        return self._state

    @property
    def full(self) -> bool:
        """Whether this step has created as much as it may."""
        return self.created >= CREATED_PER_STEP

    def set_data(self, changes: Mapping[str, Any]) -> None:
        """Sets variables of the case."""
        if changes:
            self.case.data = {**self.case.data, **changes}
            self._variables = None
            for name in changes:
                self.touched.update(self.net.awaited.get(name, ()))

    def replace_data(self, data: Mapping[str, Any]) -> None:
        """The variables of the case are these from now on."""
        self.case.data = dict(data)
        self._variables = None

    def note(self, what: str, task: str = "", number: int = 0, detail: Any = None) -> None:
        """Writes a line into the journal entry of this step."""
        self.notes.append(Note(what, task, number, detail))

    def next_number(self) -> int:
        """The next number of a run in this case."""
        self.case.counter += 1
        return self.case.counter

    def item(self, number: int) -> str:
        """The id of the item, call or run with a number."""
        return item_id(self.case.id, number)

    def blocked(self, task: str) -> bool:
        """Whether a task may not begin: it could not before, and what is done about that is not done yet."""
        handled = self.case.handling
        return bool(handled) and any(each.lost and not each.run and each.task == task for each in handled.values())

    def task(self, name: str) -> Task:
        """A task of the case's net."""
        return self.net.tasks[name]
