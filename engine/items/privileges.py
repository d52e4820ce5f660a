"""Privileges: what a task grants to those who work on its items, and what a person may do with work at all.

A task grants its privileges in the specification (YAWL's task privileges; resource pattern 4): to everybody, to nobody,
or to named participants and roles. A person has his privileges in the organisation. Who administers items needs none.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple


class TaskPrivilege(StrEnum):
    """What may be done with the items of one task, beside working on them."""

    SUSPEND = "can_suspend"
    REALLOCATE_STATELESS = "can_reallocate_stateless"
    REALLOCATE_STATEFUL = "can_reallocate_stateful"
    DEALLOCATE = "can_deallocate"
    DELEGATE = "can_delegate"
    SKIP = "can_skip"
    PILE = "can_pile"


class PersonPrivilege(StrEnum):
    """What a person may do with his work, whatever the task.

    `CHOOSE_ITEM`: start any item of his queue, not only the first. `START_CONCURRENTLY`: start one while another is
    started. `REORDER`: give his items another priority. `VIEW_TEAM_ITEMS` and `VIEW_GROUP_ITEMS`: see the items of
    those who report to him, or are in a group of his. `CHAIN`: have the next item of a case started for him.
    `MANAGE_CASES`: have completed work done again, and work to come brought forward. `NONE`: none of these.
    """

    CHOOSE_ITEM = "choose_item"
    START_CONCURRENTLY = "start_concurrently"
    REORDER = "reorder"
    VIEW_TEAM_ITEMS = "view_team_items"
    VIEW_GROUP_ITEMS = "view_group_items"
    CHAIN = "chain"
    MANAGE_CASES = "manage_cases"
    NONE = "none"


USUAL = frozenset({PersonPrivilege.CHOOSE_ITEM, PersonPrivilege.START_CONCURRENTLY, PersonPrivilege.REORDER})
"""What somebody has of whom the organisation says nothing."""


class Grant(NamedTuple):
    """To whom a task grants a privilege."""

    everybody: bool = False
    participants: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()

    def holds_for(self, participant: str, roles: frozenset[str]) -> bool:
        """Whether a participant with these roles has it."""
        return self.everybody or participant in self.participants or not self.roles.isdisjoint(roles)


EVERYBODY, NOBODY = Grant(everybody=True), Grant()

UNLESS_SAID: Mapping[TaskPrivilege, Grant] = {
    TaskPrivilege.SUSPEND: EVERYBODY,
    TaskPrivilege.DEALLOCATE: EVERYBODY,
    TaskPrivilege.DELEGATE: EVERYBODY,
    TaskPrivilege.REALLOCATE_STATEFUL: EVERYBODY,
    TaskPrivilege.REALLOCATE_STATELESS: NOBODY,
    TaskPrivilege.SKIP: NOBODY,
    TaskPrivilege.PILE: NOBODY,
}
"""What a task grants that says nothing: passing one's own work on loses nothing; the others do."""


class Person(NamedTuple):
    """What rights are decided by: the roles of a participant, with those above them, his privileges, and whether he
    (or it, where it is no person) is available."""

    roles: frozenset[str] = frozenset()
    privileges: frozenset[PersonPrivilege] = USUAL
    available: bool = True


def privileges_of(entered: Iterable[str]) -> frozenset[PersonPrivilege]:
    """The privileges that are entered for somebody; the usual ones where nothing is. Unknown names grant nothing."""
    names = frozenset(entered)
    return frozenset(each for each in PersonPrivilege if each in names) if names else USUAL


class Asker(NamedTuple):
    """Who asks for a move: a participant, whether he administers items, and what he may do with items of this task."""

    participant: str
    administrator: bool = False
    granted: frozenset[TaskPrivilege] = frozenset()
    privileges: frozenset[PersonPrivilege] = USUAL


def asker(by: str, person: Person, grants: Mapping[TaskPrivilege, Grant], *, administrator: bool) -> Asker:
    """A participant before an item of a task that grants so."""
    granted = frozenset(
        each for each in TaskPrivilege if grants.get(each, UNLESS_SAID[each]).holds_for(by, person.roles)
    )
    return Asker(by, administrator, granted, person.privileges)
