"""The connectors of an installation, and how each came to be: from a file, over the API, or by itself.

What a file says is changed in the file only. What was put over the API lies in the registry, and every process takes a
change over by itself: it looks at the version, and makes anew what has changed. Calls that are under way go on with
the connector they began with, which is let go of with the last of them.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from threading import Lock
from typing import Any, NamedTuple

from connectors.configuration import Configured, configured, plain
from connectors.kinds import Kind, Resolve
from connectors.port import Connector
from connectors.registry import Registry as Connectors
from engine.errors import Conflict, InvalidInput, NotFound, Problem
from engine.store.registry import Registry, StoredConnector


class Source(StrEnum):
    """Where a connector is configured; `built_in`: nowhere, it needs no settings."""

    FILE = "file"
    API = "api"
    BUILT_IN = "built_in"


class Installed(NamedTuple):
    """A connector, its kind and settings as they are written, and where."""

    name: str
    kind: str
    source: Source
    written: Mapping[str, Any]


class InstalledConnectors:
    """Keeps `connectors` up to date. Safe for use by several threads."""

    def __init__(
        self,
        connectors: Connectors,
        of_files: Sequence[Configured],
        own: Sequence[Connector],
        kinds: Mapping[str, Kind],
        resolve: Resolve,
        registry: Registry,
    ) -> None:
        """`own` are those that the installation brings itself. Call `refresh` before `connectors` is used."""
        self.connectors = connectors
        self._of_files = list(of_files)
        self._own = list(own)
        self._kinds = kinds
        self._resolve = resolve
        self._registry = registry
        self._lock = Lock()
        self._version = -1
        self._made: dict[str, tuple[Configured, Connector]] = {}
        self._installed: dict[str, Installed] = {}

    def refresh(self) -> None:
        """Takes over what was changed over the API. Raises `Unavailable`."""
        version = self._registry.connectors_version()
        if version == self._version:
            return
        with self._lock:
            if version != self._version:
                self._take_over(self._registry.connectors())
                self._version = version

    def installed(self) -> list[Installed]:
        """All connectors, by name."""
        self.refresh()
        return [self._installed[name] for name in sorted(self._installed)]

    def get(self, name: str) -> Installed:
        """One connector. Raises `NotFound`."""
        self.refresh()
        if name not in self._installed:
            raise NotFound(f"no connector {name}", code="connector_not_found")
        return self._installed[name]

    def put(self, name: str, written: Mapping[str, Any], by: str, at: int) -> bool:
        """Configures a connector; whether it is new.

        Raises `InvalidInput` (`invalid_connector`) with all that is wrong, `Conflict` (`connector_not_changeable`) for
        one that is not for the API to change.
        """
        self._refuse_fixed(name)
        described, problems = configured(name, written, self._kinds)
        if described is not None and not self._kinds[described.kind].over_api:
            problems = [f"{name}.connector: connectors of the kind {described.kind} are configured in files only"]
        if described is None or problems:
            raise InvalidInput(
                f"the connector {name} is not accepted",
                code="invalid_connector",
                problems=[_problem(each) for each in problems],
            )
        new = self._registry.put_connector(StoredConnector(name, dict(written), at, by))
        self.refresh()
        return new

    def delete(self, name: str) -> None:
        """Removes what was put over the API. Raises `NotFound`, and `Conflict` as `put` does."""
        self.get(name)
        self._refuse_fixed(name)
        if not self._registry.delete_connector(name):
            raise _fixed(name, "needs no configuration, and has none")
        self.refresh()

    def _refuse_fixed(self, name: str) -> None:
        if any(each.name == name for each in self._of_files):
            raise _fixed(name, "is configured in a file: change it there")
        if any(each.name == name for each in self._own):
            raise _fixed(name, "belongs to the installation")

    def _take_over(self, stored: Sequence[StoredConnector]) -> None:
        fixed = {*(each.name for each in self._of_files), *(each.name for each in self._own)}
        # A file that now has the name counts before it; what a newer version refuses is as if it were not there.
        read = [configured(each.name, each.written, self._kinds, fixed)[0] for each in stored]
        of_api = [each for each in read if each is not None]
        of_nobody = plain(self._kinds, fixed | {each.name for each in of_api})
        described = {Source.FILE: self._of_files, Source.API: of_api, Source.BUILT_IN: of_nobody}
        made = {each.name: self._made_of(each) for group in described.values() for each in group}
        terms = {name: each.terms for name, (each, _) in made.items()}
        self.connectors.replace([*(connector for _, connector in made.values()), *self._own], terms)
        self._made = made
        self._installed = {
            **{each.name: Installed(each.name, each.name, Source.BUILT_IN, {}) for each in self._own},
            **{
                each.name: Installed(each.name, each.kind, source, each.written)
                for source, group in described.items()
                for each in group
            },
        }

    def _made_of(self, described: Configured) -> tuple[Configured, Connector]:
        before = self._made.get(described.name)
        if before is not None and before[0] == described:
            return before
        build = self._kinds[described.kind].build
        return described, build(described.name, described.settings, self._resolve)


def _problem(line: str) -> Problem:
    """A line of a problem, whose place stands before the first colon, as an error of a body."""
    place, _, message = line.partition(": ")
    _, _, path = place.partition(".")
    return Problem(f"$.{path}" if path else "$", message)


def _fixed(name: str, why: str) -> Conflict:
    return Conflict(f"the connector {name} {why}", code="connector_not_changeable")
