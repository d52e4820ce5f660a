"""An index of the organisation: who has what, as sets of bits, so that sets of a hundred thousand are met at once.

Every resource has a slot, and a set is an integer whose bit says whether the resource in that slot belongs to it. An
index is never changed: after a change of the organisation another one is made of it, in which only the bits of those
who changed differ.
"""

from collections.abc import Iterable, Mapping
from itertools import compress
from threading import Lock
from typing import NamedTuple

from engine.resources.organisation import Level, Measure, Organisation, Participant, ResourceKind, Unit
from engine.resources.working_hours import WorkingHours

Bits = int
"""A set of resources."""

FEW = 64
"""A set of fewer is taken apart bit by bit."""

MANY = 64
"""Of so many who work the same hours a set is kept."""

MOST_REACHES = 1_000
"""Levels of capabilities whose sets are kept."""

NEVER = 1 << 62

_FLAGS = bytes.maketrans(b"01", b"\x00\x01")


class Reach(NamedTuple):
    """How well a capability is to be had: at least, at most, or exactly one of these levels, all comparable."""

    capability: str
    at_least: Level | None
    at_most: Level | None
    one_of: frozenset[Level] | None

    def met_by(self, level: Level | None) -> bool:
        """Whether a level is as good."""
        return (
            level is not None
            and (self.one_of is None or level in self.one_of)
            and (self.at_least is None or _is_as_high(level, self.at_least))
            and (self.at_most is None or _is_as_high(self.at_most, level))
        )


class Index:
    """The sets of one organisation. Safe for use by several threads."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        self._names: list[str] = sorted(organisation.participants)
        self._in_order = True
        self._slots: dict[str, int] = {name: slot for slot, name in enumerate(self._names)}
        self._hours: dict[WorkingHours, list[int]] = {}
        members: dict[tuple[str, str], list[int]] = {}
        for name, slot in self._slots.items():
            participant = organisation.participants[name]
            for key in _keys(participant):
                members.setdefault(key, []).append(slot)
            if participant.hours is not None:
                self._hours.setdefault(participant.hours, []).append(slot)
        self._sets = {key: self._bits(slots) for key, slots in members.items()}
        self._reached: dict[Reach, Bits] = {}
        self._working: dict[WorkingHours, Bits] = {}
        self._begin()

    def _begin(self) -> None:
        self._below: dict[tuple[Unit, str], Bits] = {}
        self._there: tuple[int, int, Bits] = (0, 0, 0)
        self._lock = Lock()

    def after(self, organisation: Organisation, changed: Iterable[str]) -> "Index":
        """The index of the organisation after these resources changed."""
        twin = Index.__new__(Index)
        twin.organisation, twin._in_order = organisation, self._in_order
        twin._names, twin._slots, twin._sets = self._names.copy(), self._slots.copy(), self._sets.copy()
        twin._hours, twin._working = self._hours.copy(), self._working.copy()
        twin._reached = self._reached.copy()
        for name in changed:
            before, now = self.organisation.participants.get(name), organisation.participants.get(name)
            slot = twin._slots.get(name)
            if slot is None:
                slot = twin._slots[name] = len(twin._names)
                twin._in_order &= not twin._names or twin._names[-1] < name
                twin._names.append(name)
            twin._replace(slot, before, now)
        twin._begin()
        return twin

    def _replace(self, slot: int, before: Participant | None, now: Participant | None) -> None:
        """Takes a resource out of the sets it was in, and puts it into those it is in now."""
        bit = 1 << slot
        for key in _keys(before) if before is not None else ():
            self._sets[key] &= ~bit
        for key in _keys(now) if now is not None else ():
            self._sets[key] = self._sets.get(key, 0) | bit
        old, new = before.hours if before is not None else None, now.hours if now is not None else None
        if old != new:
            for hours in (old, new):
                if hours is not None:
                    kept = [each for each in self._hours.get(hours, ()) if each != slot]
                    self._hours[hours] = [*kept, slot] if hours is new else kept
                    self._working.pop(hours, None)
        for reach, reached in self._reached.items():
            reaches = now is not None and reach.met_by(self._level(now, reach.capability))
            self._reached[reach] = reached | bit if reaches else reached & ~bit

    # -- sets ----------------------------------------------------------------------------------------------------

    @property
    def everybody(self) -> Bits:
        """All people."""
        return self._sets.get(("kind", ResourceKind.PERSON), 0)

    @property
    def bounded(self) -> Bits:
        """Whoever may not have any number of items in hand."""
        return self._sets.get(("bounded", ""), 0)

    def having(self, unit: Unit, identifier: str) -> Bits:
        """Who has a role or capability, holds a position or is in a group, also by one that lies below it."""
        if unit in (Unit.POSITIONS, Unit.CAPABILITIES):
            return self._sets.get((unit, identifier), 0)
        found = self._below.get((unit, identifier))
        if found is None:
            found = 0
            for each in self.organisation.below(unit, identifier):
                found |= self._sets.get((unit, each), 0)
            self._below[unit, identifier] = found
        return found

    def holding_below(self, position: str) -> Bits:
        """Who holds a position that reports to this one, directly or not."""
        found = 0
        for each in self.organisation.below(Unit.POSITIONS, position) - {position}:
            found |= self._sets.get((Unit.POSITIONS, each), 0)
        return found

    def holding_above(self, position: str) -> Bits:
        """Who holds a position that this one reports to, directly or not."""
        found = 0
        for each in self.organisation.above(Unit.POSITIONS, position):
            found |= self._sets.get((Unit.POSITIONS, each), 0)
        return found

    def of(self, names: Iterable[str]) -> Bits:
        """The set of these; who is not known is left out."""
        return self._bits([self._slots[name] for name in names if name in self.organisation.participants])

    def there(self, at: int) -> Bits:
        """Who is available at a moment (ms since 1970). It is worked out again when that may have changed."""
        start, end, found = self._there
        if start <= at < end:
            return found
        with self._lock:
            self._there = self._there_from(at)
            return self._there[2]

    def _there_from(self, at: int) -> tuple[int, int, Bits]:
        found = self.everybody & ~self._sets.get(("hours", ""), 0)
        ends, few = [], list[int]()
        # Many have the same hours: each is looked at once.
        for hours, slots in self._hours.items():
            ends.append(hours.next_change(at))
            if not hours.cover(at):
                continue
            if len(slots) < MANY:
                few += slots
                continue
            working = self._working.get(hours)
            if working is None:
                working = self._working[hours] = self._bits(slots)
            found |= working
        found |= self._bits(few)
        people, away = self.organisation.participants, list[int]()
        for name in self.names(self._sets.get(("absences", ""), 0)):
            for absence in people[name].absences:
                if absence.start <= at < absence.end:
                    away.append(self._slots[name])
                ends += [edge for edge in (absence.start, absence.end) if edge > at]
        found &= ~self._bits(away)
        return at, min(ends, default=NEVER), found & self.everybody & self._sets.get(("available", ""), 0)

    def reaching(self, reach: "Reach") -> Bits:
        """Who has a capability as well as that."""
        found = self._reached.get(reach)
        if found is None:
            people, members = self.organisation.participants, self.having(Unit.CAPABILITIES, reach.capability)
            names = self.names(members)
            found = self.of(name for name in names if reach.met_by(self._level(people[name], reach.capability)))
            if len(self._reached) >= MOST_REACHES:
                # Bounds that come from the data of cases may be new each time.
                self._reached = {}
            self._reached[reach] = found
        return found

    # -- members ---------------------------------------------------------------------------------------------------

    def names(self, bits: Bits) -> list[str]:
        """The members of a set, by id."""
        found: list[str] = []
        if bits.bit_count() < FEW:
            while bits:
                slot = (bits & -bits).bit_length() - 1
                found.append(self._names[slot])
                bits &= bits - 1
        else:
            found = list(compress(self._names, bin(bits)[:1:-1].encode().translate(_FLAGS)))
        return found if self._in_order else sorted(found)

    def level(self, person: str, capability: str) -> Level | None:
        """How well somebody has a capability, as something that compares: a word of a scale is its place on it."""
        return self._level(self.organisation.participants[person], capability)

    def comparable(self, capability: str, level: Level | None) -> Level | None:
        """A level as `level` gives it."""
        unit = self.organisation.unit(Unit.CAPABILITIES, capability)
        if unit is None or unit.type != Measure.SCALE or level is None:
            return level
        return unit.scale.index(str(level)) if level in unit.scale else None

    def _level(self, participant: Participant, capability: str) -> Level | None:
        return self.comparable(capability, participant.levels.get(capability))

    def _bits(self, slots: Iterable[int]) -> Bits:
        flags = bytearray(len(self._names) // 8 + 1)
        for slot in slots:
            flags[slot >> 3] |= 1 << (slot & 7)
        return int.from_bytes(flags, "little")


def _is_as_high(level: Level, other: Level) -> bool:
    """Whether a level is as high as another. A number and a text do not compare."""
    if isinstance(level, str) or isinstance(other, str):
        return isinstance(level, str) and isinstance(other, str) and level >= other
    return level >= other


def _keys(participant: Participant) -> list[tuple[str, str]]:
    """The sets a participant belongs to."""
    listed: Mapping[str, tuple[str, ...]] = {
        Unit.ROLES: participant.roles,
        Unit.POSITIONS: participant.positions,
        Unit.GROUPS: participant.groups,
        Unit.CAPABILITIES: (*participant.capabilities, *participant.levels),
    }
    keys = {(unit, name) for unit, names in listed.items() for name in names}
    keys.add(("kind", participant.kind))
    if participant.available:
        keys.add(("available", ""))
    if participant.absences:
        keys.add(("absences", ""))
    if participant.hours is not None:
        keys.add(("hours", ""))
    if participant.max_workload is not None:
        keys.add(("bounded", ""))
    return sorted(keys)
