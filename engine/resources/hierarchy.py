"""The hierarchy of roles, positions and groups: nothing may lie above itself."""

from collections.abc import Mapping

from engine.resources.organisation import OrgUnit


def circles(units: Mapping[str, OrgUnit]) -> list[tuple[str, ...]]:
    """The circles that the parents of these make, each with its first unit again at the end."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in sorted(units):
        way: dict[str, int] = {}
        current: str | None = start
        while current is not None and current not in done and current not in way:
            way[current] = len(way)
            unit = units.get(current)
            current = unit.parent if unit is not None else None
        if current is not None and current in way:
            round_trip = list(way)[way[current] :]
            found.append((*round_trip, current))
        done.update(way)
    return found
