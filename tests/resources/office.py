"""An office: people of a real organisation, who are offered the items of cases by the real distribution."""

import json
from collections.abc import Callable
from typing import Any

from engine.items.work_item import WorkItem
from engine.resources.allocators import Allocator
from engine.resources.directory import Directory
from engine.resources.organisation import OrgUnit, Participant, Unit
from engine.spec.model import Specification
from engine.spec.read import read_specification
from engine.store.port import Store
from engine.store.registry import Registry
from tests.net_notation import net
from tests.patterns.played import Played

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Office:
    """People and their cases. `pass_time` lets the clock go on by milliseconds, where it is the test's."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        pass_time: Callable[[int], None],
        allocators: dict[str, Allocator] | None = None,
    ) -> None:
        self.store = store
        self.registry = registry
        self._pass_time = pass_time
        self.directory = Directory(registry, store, allocators)
        self.cases: list[Played] = []

    def hire(self, *names: str, **known: Any) -> None:
        """People of whom the same is known, such as their roles."""
        for name in names:
            self.registry.put_participant(Participant(name, **known))

    def dismiss(self, name: str) -> None:
        self.registry.delete_participant(name)

    def role(self, name: str, under: str | None = None) -> None:
        self.registry.put_unit(Unit.ROLES, OrgUnit(name, parent=under))

    def group(self, name: str, within: str | None = None) -> None:
        self.registry.put_unit(Unit.GROUPS, OrgUnit(name, parent=within))

    def position(self, name: str, reports_to: str | None = None) -> None:
        self.registry.put_unit(Unit.POSITIONS, OrgUnit(name, parent=reports_to))

    def capability(self, name: str, type: str, *scale: str) -> None:
        self.registry.put_unit(Unit.CAPABILITIES, OrgUnit(name, type=type, scale=scale))

    def begin(self, specification: Specification, **data: Any) -> Played:
        """A case of a version of its own, which whoever moves cases knows."""
        version = str(len(self.cases) + 1)
        own = read_specification(json.dumps({**specification.document, "version": version}), name="net")
        for case in self.cases:
            case.deploy(own)
        begun = Played.started(
            self.store,
            lambda: self._pass_time(1),
            own,
            data,
            tuple(case.specification for case in self.cases),
            people=self.directory.snapshot,
            case_id=f"c{version}",
        )
        self.cases.append(begun)
        return begun

    def of_task(self, **task: Any) -> Played:
        """A case whose only task is this human one."""
        return self.begin(human(**task))

    def wait(self, ms: int) -> None:
        """Time passes, and what is due happens."""
        self._pass_time(ms)
        for case in self.cases:
            case.drain()

    def now(self) -> int:
        return self.store.now()


def human(variables: dict[str, Any] | None = None, **task: Any) -> Specification:
    """A net of one human task, A."""
    return net("i -> A! -> o", variables=variables, A=task)


def offered(case: Played, task: str = "A") -> tuple[str, ...]:
    """To whom the newest item of a task is offered."""
    return newest(case, task).offered_to if newest(case, task).state == "offered" else ()


def owner(case: Played, task: str = "A") -> str | None:
    """Who has the newest item of a task."""
    return newest(case, task).owner


def newest(case: Played, task: str = "A") -> WorkItem:
    return case.items(task)[-1]


def raised(case: Played) -> list[str]:
    """The kinds of exceptions that the journal tells of."""
    notes = (note for entry in case.journal for note in entry.notes if note.what == "raised")
    return [note.detail["kind"] for note in notes]
