"""Filters: who of those who could do a piece of work may, composed by `and`, `or` and `not`.

A filter of a specification has sources where names stand; `resolved` reads them from the data of a case. `Sieve` then
finds who passes: what can be said of a set as a whole (roles, groups, availability) is met as bits, and what must be
asked of each (workload, history, expressions) is asked only of those who are left, so it comes last.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from engine.data.expressions import Expression
from engine.data.mapping import MISSING, Source, ValidationFailed, read_names
from engine.data.moments import MomentInvalid, later, moment
from engine.errors import Problem
from engine.resources.history import Counter, Histories
from engine.resources.index import Bits, Index, Reach
from engine.resources.organisation import Level, Unit, described

PARTICIPANT = "participant"
"""The name under which an expression of a filter sees whom it is asked about."""


class Relation(StrEnum):
    """How somebody stands to a position: he holds it, or one that reports to it, or one that it reports to."""

    HOLDS = "holds"
    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class Of:
    """Has any of these roles, is in any of these groups, or holds any of these capabilities."""

    unit: Unit
    names: tuple[Source, ...]
    read: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Is:
    """Is any of these participants."""

    names: tuple[Source, ...]
    read: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reports:
    """Stands in a relation to any of these positions, or to the positions of these participants."""

    relation: Relation
    names: tuple[Source, ...]
    read: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Holds:
    """Has a capability as well as this: at least, at most, or exactly one of these levels."""

    capability: str
    at_least: Source | None = None
    at_most: Source | None = None
    one_of: tuple[Source, ...] = ()
    read: tuple[Level | None, Level | None, tuple[Level, ...]] = (None, None, ())


@dataclass(frozen=True, slots=True)
class Available:
    """Is there at a moment (None: now), or not absent for a duration from now on."""

    at: Source | None = None
    lasting: Source | None = None
    read: tuple[int | None, int | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Workload:
    """Has so many items in hand."""

    at_least: int = 0
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Experience:
    """Has completed items of a task so often; with `within_ms`: the last one not longer ago than that."""

    task: str
    specification: str | None = None
    at_least: int = 1
    at_most: int | None = None
    within_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """An expression holds over the variables of the net and the `participant`."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class All:
    """Passes all of these."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Passes any of these."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Does not pass."""

    part: "Filter"


Filter = Of | Is | Reports | Holds | Available | Workload | Experience | Holding | All | Some | Not


# -- reading names from the data of a case -------------------------------------------------------------------------


def resolved(found: Filter, data: Mapping[str, Any], at: int) -> Filter:
    """The filter with all that its sources give. Raises `ValidationFailed`, `ExpressionFailed`."""
    match found:
        case Of() | Is() | Reports():
            return replace(found, read=read_names("offer.filter", found.names, data))
        case Holds(_, at_least, at_most, one_of):
            least, most = _level(at_least, data), _level(at_most, data)
            levels = tuple(level for source in one_of for level in _levels(source, data))
            return replace(found, read=(least, most, levels))
        case Available(moment_of, lasting):
            return replace(found, read=(_moment(moment_of, data), _end(lasting, data, at)))
        case All(parts):
            return All(tuple(resolved(part, data, at) for part in parts))
        case Some(parts):
            return Some(tuple(resolved(part, data, at) for part in parts))
        case Not(part):
            return Not(resolved(part, data, at))
        case Workload() | Experience() | Holding():
            return found


def _level(source: Source | None, data: Mapping[str, Any]) -> Level | None:
    levels = _levels(source, data) if source is not None else []
    return levels[0] if levels else None


def _levels(source: Source, data: Mapping[str, Any]) -> list[Level]:
    value = source.read(data, data)
    if value is MISSING or value is None:
        return []
    levels = value if isinstance(value, list) else [value]
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, int | float | str):
            raise ValidationFailed((Problem("offer.filter", f"a level is a number or a text, not {level!r}"),))
    return levels


def _moment(source: Source | None, data: Mapping[str, Any]) -> int | None:
    return _timed(source, data, moment) if source is not None else None


def _end(source: Source | None, data: Mapping[str, Any], at: int) -> int | None:
    return _timed(source, data, lambda text: later(at, text)) if source is not None else None


def _timed(source: Source, data: Mapping[str, Any], read: Callable[[str], int]) -> int:
    value = source.read(data, data)
    try:
        return read(value if isinstance(value, str) else repr(value))
    except MomentInvalid as invalid:
        raise ValidationFailed((Problem("offer.filter", str(invalid)),)) from invalid


# -- who passes ----------------------------------------------------------------------------------------------------


class Sieve:
    """Finds who passes filters, at one moment (ms since 1970) and for one specification."""

    __slots__ = ("_at", "_data", "_histories", "_index", "_specification")

    def __init__(
        self, index: Index, histories: Histories, specification: str, at: int, data: Mapping[str, Any]
    ) -> None:
        self._index = index
        self._histories = histories
        self._specification = specification
        self._at = at
        self._data = data

    def passing(self, found: Filter, among: Bits) -> Bits:
        """Those of a set who pass. Raises `ExpressionFailed`."""
        if not among:
            return 0
        match found:
            case All(parts):
                for part in sorted(parts, key=_cost):
                    among = self.passing(part, among)
                return among
            case Some(parts):
                passed = 0
                for part in sorted(parts, key=_cost):
                    passed |= self.passing(part, among & ~passed)
                return passed
            case Not(part):
                return among & ~self.passing(part, among)
            case Of(unit, _, listed):
                members = 0
                for name in listed:
                    members |= self._index.having(unit, name)
                return among & members
            case Is(_, listed):
                return among & self._index.of(listed)
            case Reports():
                return among & self._reporting(found)
            case Holds():
                return self._holding(found, among & self._index.having(Unit.CAPABILITIES, found.capability))
            case Available():
                return self._available(found, among)
            case Workload(at_least, at_most):
                names = self._index.names(among)
                loads = self._histories.workloads(names)
                kept = (
                    n for n in names if at_least <= loads.get(n, 0) and (at_most is None or loads.get(n, 0) <= at_most)
                )
                return self._index.of(kept)
            case Experience():
                return self._experienced(found, among)
            case Holding(expression):
                people = self._index.organisation.participants
                names = self._index.names(among)
                asked = ((name, {**self._data, PARTICIPANT: described(people[name])}) for name in names)
                return self._index.of([name for name, seen in asked if expression.holds(seen)])

    def _reporting(self, found: Reports) -> Bits:
        index, people = self._index, self._index.organisation.participants
        members = 0
        for name in found.read:
            positions = people[name].positions if name in people else (name,)
            for position in positions:
                match found.relation:
                    case Relation.HOLDS:
                        members |= index.having(Unit.POSITIONS, position)
                    case Relation.BELOW:
                        members |= index.holding_below(position)
                    case Relation.ABOVE:
                        members |= index.holding_above(position)
        return members

    def _holding(self, found: Holds, among: Bits) -> Bits:
        least, most, levels = found.read
        if least is None and most is None and not levels:
            return among
        index, capability = self._index, found.capability
        wanted = [index.comparable(capability, level) for level in (least, most)]
        if [level is None for level in wanted] != [least is None, most is None]:
            # A word that the scale does not have is no level of anybody.
            return 0
        allowed = frozenset(
            each for each in (index.comparable(capability, level) for level in levels) if each is not None
        )
        return among & index.reaching(Reach(capability, wanted[0], wanted[1], allowed if levels else None))

    def _available(self, found: Available, among: Bits) -> Bits:
        at, until = found.read
        people = self._index.organisation.participants
        if at is not None:
            return self._index.of([name for name in self._index.names(among) if people[name].is_there(at)])
        there = among & self._index.there(self._at)
        if until is None:
            return there
        names = self._index.names(there)
        return self._index.of([name for name in names if not people[name].is_away_within(self._at, until)])

    def _experienced(self, found: Experience, among: Bits) -> Bits:
        counters = (Counter.COMPLETED, Counter.COMPLETED_AT)
        names = self._index.names(among)
        history = self._histories.history(found.specification or self._specification, found.task, names, counters)
        since = self._at - found.within_ms if found.within_ms is not None else None
        kept = []
        for name in names:
            done = history.get(name, {})
            times = done.get(Counter.COMPLETED, 0)
            if since is not None and done.get(Counter.COMPLETED_AT, 0) < since:
                times = 0
            if found.at_least <= times and (found.at_most is None or times <= found.at_most):
                kept.append(name)
        return self._index.of(kept)


_COSTS: dict[type, int] = {Holds: 1, Available: 1, Workload: 2, Experience: 2, Holding: 3}


def _cost(found: Filter) -> int:
    """What is dear to ask comes last, when few are left."""
    match found:
        case All(parts) | Some(parts):
            return max(map(_cost, parts), default=0)
        case Not(part):
            return _cost(part)
        case _:
            return _COSTS.get(type(found), 0)
