"""The index of the organisation: whatever changes, it says what one made anew would say, and what each person says."""

from random import Random

import pytest

from engine.resources.index import Index, Reach
from engine.resources.organisation import (
    Absence,
    Level,
    Organisation,
    OrgUnit,
    Participant,
    ResourceKind,
    Unit,
    organisation_of,
)
from engine.resources.working_hours import Shift, WorkingHours

NOW = 1_767_603_600_000  # Monday, 2026-01-05, 9 o'clock in UTC
HOUR_MS = 3_600_000
ROLES = {"clerk": None, "senior": "clerk", "manager": None}
UNITS = [(Unit.ROLES, OrgUnit(name, parent=parent)) for name, parent in ROLES.items()]
SCALE = (Unit.CAPABILITIES, OrgUnit("french", type="scale", scale=("A1", "A2", "B1")))
HOURS = [
    None,
    WorkingHours(mon=(Shift("08:00", "12:00"), Shift("13:00", "17:00")), timezone="Europe/Berlin"),
    WorkingHours(mon=(Shift("00:00", "24:00"),), tue=(Shift("09:00", "10:00"),)),
]
REACHES = [Reach("french", 1, None, None), Reach("french", None, 1, None), Reach("french", None, None, frozenset({0}))]


def somebody(name: str, luck: Random) -> Participant:
    levels: dict[str, Level] = {"french": luck.choice(("A1", "A2", "B1", "C9"))} if luck.random() < 0.5 else {}
    start = NOW + luck.randrange(-30, 30) * HOUR_MS
    return Participant(
        name,
        roles=tuple(luck.sample(sorted(ROLES), luck.randrange(3))),
        levels=levels,
        available=luck.random() < 0.8,
        absences=(Absence(start, start + luck.randrange(1, 20) * HOUR_MS),) if luck.random() < 0.4 else (),
        hours=luck.choice(HOURS),
        kind=luck.choice((ResourceKind.PERSON, ResourceKind.PERSON, ResourceKind.NON_HUMAN)),
        max_workload=luck.choice((None, 3)),
    )


def said(index: Index) -> list[list[str]]:
    """All that an index says, over two days."""
    sets = [index.everybody, index.bounded, *(index.having(Unit.ROLES, role) for role in ROLES)]
    sets += [index.reaching(reach) for reach in REACHES]
    sets += [index.there(NOW + hours * HOUR_MS) for hours in range(-24, 48)]
    return [index.names(each) for each in sets]


def by_hand(organisation: Organisation) -> list[list[str]]:
    """The same, asked of each person."""
    people = organisation.participants
    humans = [name for name in sorted(people) if people[name].kind is ResourceKind.PERSON]
    having = [
        [name for name in sorted(people) if organisation.below(Unit.ROLES, role) & set(people[name].roles)]
        for role in ROLES
    ]
    place = {"A1": 0, "A2": 1, "B1": 2}
    levels = {name: place.get(str(people[name].levels.get("french", ""))) for name in sorted(people)}
    reached = [
        [name for name, level in levels.items() if level is not None and level >= 1],
        [name for name, level in levels.items() if level is not None and level <= 1],
        [name for name, level in levels.items() if level == 0],
    ]
    there = [[name for name in humans if people[name].is_there(NOW + hours * HOUR_MS)] for hours in range(-24, 48)]
    return [humans, [n for n in sorted(people) if people[n].max_workload is not None], *having, *reached, *there]


@pytest.mark.parametrize("seed", range(20))
def test_after_any_changes_it_says_what_each_person_says(seed: int) -> None:
    luck = Random(seed)
    names = [f"p{number}" for number in range(90)]
    organisation = organisation_of(0, [somebody(name, luck) for name in names[:80]], [*UNITS, SCALE])
    index = Index(organisation)
    assert said(index) == by_hand(organisation)
    for version in range(1, 6):
        changed = {
            name: somebody(name, luck) if luck.random() < 0.8 else None
            for name in luck.sample(names, luck.randrange(1, 9))
        }
        organisation = organisation.with_changes(version, changed)
        index = index.after(organisation, changed)
        assert said(index) == by_hand(organisation) == said(Index(organisation))


def test_a_change_leaves_the_index_before_it_as_it_was() -> None:
    before = organisation_of(0, [Participant("ann", roles=("clerk",))], UNITS)
    index = Index(before)
    after = index.after(before.with_changes(1, {"ann": None, "bob": Participant("bob")}), ["ann", "bob"])
    assert index.names(index.everybody) == ["ann"] and after.names(after.everybody) == ["bob"]


def test_whoever_is_named_first_or_last_a_set_is_in_order() -> None:
    index = Index(organisation_of(0, [Participant("m")]))
    for name in ("z", "a"):
        index = index.after(index.organisation.with_changes(1, {name: Participant(name)}), [name])
    assert index.names(index.everybody) == ["a", "m", "z"]


def test_large_sets_are_taken_apart_as_small_ones_are() -> None:
    index = Index(organisation_of(0, [Participant(f"p{number:03}") for number in range(500)]))
    for count in (0, 1, 63, 64, 65, 500):
        names = [f"p{number:03}" for number in range(count)]
        assert index.names(index.of(names)) == names
