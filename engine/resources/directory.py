"""Distribution: the answer to whom an item goes, from the organisation as it is now.

The organisation is kept in the process. Which version the store has is asked once for each batch of events in which
anything is distributed, and what has changed since is read then: a change made now counts in the next offer.
"""

from collections.abc import Mapping, Sequence
from threading import Lock

from msgspec.structs import replace

from engine.data.expressions import ExpressionFailed
from engine.effects import Distribute
from engine.events import Distributed
from engine.resources.allocators import ALLOCATORS, Allocation, Allocator, best, seed_of
from engine.resources.filters import Sieve
from engine.resources.history import Histories, NoHistories
from engine.resources.index import Bits, Index
from engine.resources.organisation import Organisation, Unit, organisation_of
from engine.resources.outside import OrganisationSource
from engine.spec.model import Initiator


class Directory:
    """The organisation of a source, kept up to date. Safe for use by several threads.

    `allocators` are those beside the built-in ones, by name.
    """

    def __init__(
        self,
        source: OrganisationSource,
        histories: Histories | None = None,
        allocators: Mapping[str, Allocator] | None = None,
    ) -> None:
        self._source = source
        self._histories = histories or NoHistories()
        self.allocators: Mapping[str, Allocator] = {**(allocators or {}), **ALLOCATORS}
        self._index = Index(organisation_of(-1, ()))
        self._lock = Lock()

    def now(self) -> Organisation:
        """The organisation as it is now."""
        return self.index().organisation

    def index(self) -> Index:
        """The index of the organisation as it is now."""
        if self._source.organisation_version() != self._index.organisation.version:
            with self._lock:
                self._catch_up()
        return self._index

    def snapshot(self) -> "Snapshot":
        """Answers the questions of one batch."""
        return Snapshot(self, self._histories)

    def _catch_up(self) -> None:
        index = self._index
        changes = self._source.organisation_changes(index.organisation.version)
        if changes is None:
            self._index = Index(self._source.organisation())
        elif changes.participants or changes.version != index.organisation.version:
            changed = index.organisation.with_changes(changes.version, changes.participants)
            self._index = index.after(changed, changes.participants)


class Snapshot:
    """Distributes by the organisation as it is when the first question is asked."""

    __slots__ = ("_directory", "_histories", "_index")

    def __init__(self, directory: Directory, histories: Histories) -> None:
        self._directory = directory
        self._histories = histories
        self._index: Index | None = None

    def distribute(self, question: Distribute) -> Distributed:
        """To whom an item is offered, or who owns it; nobody where no one is eligible or an administrator decides."""
        if question.interaction.offer is Initiator.USER:
            return Distributed(question.item, withheld=True)
        if self._index is None:
            self._index = self._directory.index()
        try:
            eligible = self._eligible(question, self._index)
        except ExpressionFailed as failure:
            return Distributed(question.item, error=str(failure))
        if not eligible:
            return Distributed(question.item)
        if question.handler is not None or question.interaction.allocate is Initiator.SYSTEM:
            return self._allocated(question, eligible)
        if question.top is None or question.top >= len(eligible):
            return Distributed(question.item, eligible)
        ranked = self._best(question, question.ranked_by or question.allocator, eligible, question.top)
        if isinstance(ranked, str):
            return Distributed(question.item, error=ranked)
        return Distributed(question.item, tuple(sorted(ranked)), eligible=eligible)

    def _eligible(self, question: Distribute, index: Index) -> tuple[str, ...]:
        found = eligible_bits(question, index, self._histories)
        if not found and question.otherwise and question.only is not None:
            found = eligible_bits(replace(question, only=None), index, self._histories)
        return tuple(index.names(found))

    def _allocated(self, question: Distribute, eligible: tuple[str, ...]) -> Distributed:
        if question.handler is not None:
            return Distributed(question.item, eligible, question.handler)
        chosen = self._best(question, question.allocator, eligible, 1)
        if isinstance(chosen, str):
            return Distributed(question.item, error=chosen)
        return Distributed(question.item, eligible, chosen[0])

    def _best(self, question: Distribute, name: str, eligible: Sequence[str], count: int) -> tuple[str, ...] | str:
        """The best of them, or why there is no saying who that is."""
        allocator = self._directory.allocators.get(name)
        if allocator is None:
            return f"there is no allocator {name}: install it, or name one of {', '.join(sorted(ALLOCATORS))}"
        assert self._index is not None, "who is eligible was found in an index"
        given = Allocation(
            question.specification,
            question.task,
            question.item,
            question.at,
            question.capabilities,
            self._index,
            self._histories,
        )
        return best(eligible, allocator(eligible, given), count, seed_of(question.item, question.at))


def eligible_bits(question: Distribute, index: Index, histories: Histories) -> Bits:
    """Who may get an item: named, or in any role, position or group; with all capabilities; passing the filter;
    available, and with room for one more. Raises `ExpressionFailed`.
    """
    found = _candidates(question, index) & index.everybody & index.there(question.at)
    found &= ~index.of(question.without)
    if question.only is None and question.handler is None:
        for capability in question.capabilities:
            found &= index.having(Unit.CAPABILITIES, capability)
        if question.filter is not None:
            sieve = Sieve(index, histories, question.specification, question.at, question.data)
            found = sieve.passing(question.filter, found)
    return _with_room(question, found, index, histories)


def _candidates(question: Distribute, index: Index) -> Bits:
    if question.handler is not None:
        return index.of((question.handler,))
    if question.only is not None:
        return _above(question.only, index) if question.escalated else index.of(question.only)
    if not (question.participants or question.roles or question.positions or question.groups):
        return index.everybody
    found = index.of(question.participants)
    for unit, names in (
        (Unit.ROLES, question.roles),
        (Unit.POSITIONS, question.positions),
        (Unit.GROUPS, question.groups),
    ):
        for name in names:
            found |= index.having(unit, name)
    return found


def _above(people: Sequence[str], index: Index) -> Bits:
    """Whom these report to: the nearest above each of their positions who is there at all."""
    organisation, found = index.organisation, 0
    for name in people:
        person = organisation.participants.get(name)
        for position in person.positions if person is not None else ():
            above = organisation.above(Unit.POSITIONS, position)
            found |= next((held for held in (index.having(Unit.POSITIONS, each) for each in above) if held), 0)
    return found


def _with_room(question: Distribute, found: Bits, index: Index, histories: Histories) -> Bits:
    """Without those who have as many items in hand as they may."""
    bounded = found if question.most_in_hand is not None else found & index.bounded
    if not bounded:
        return found
    people, names = index.organisation.participants, index.names(bounded)
    loads = histories.workloads(names)
    full = []
    for name in names:
        bounds = [bound for bound in (people[name].max_workload, question.most_in_hand) if bound is not None]
        if loads.get(name, 0) >= min(bounds):
            full.append(name)
    return found & ~index.of(full)
