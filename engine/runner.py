"""Moving cases: whoever has a store and the specifications can drain shards and let single cases take events.

It knows nothing of Celery: `workers` call it, and so do `play` and the tests.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.case import Case
from engine.definitions import Definitions
from engine.drain import Drain, Drained, LocalCalls
from engine.errors import Unavailable
from engine.exceptions.rule_book import NoRules, Rules
from engine.items.work_item import WorkItem
from engine.net import sharing
from engine.progress import Distributor, Progress, Reads
from engine.spec.model import Specification
from engine.store.folders import Folders
from engine.store.memory_folders import MemoryFolders
from engine.store.port import Lease, Store


class Runner:
    """Moves cases of a store. Safe for use by several threads."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        people: Callable[[], Distributor],
        folders: Folders | None = None,
        rules: Rules | None = None,
    ) -> None:
        """`people` gives the distributor of one batch, so that whom it asks is looked up at most once for it.

        Without `folders` what cases share is kept in memory; without `rules` none were learnt.
        """
        self._store = store
        self._definitions = definitions
        self._people = people
        self._folders = folders or MemoryFolders()
        self._rules = rules or NoRules()
        self._interrupted: set[Lease] = set()

    def drain(self, shard: int, owner: str, local: LocalCalls | None = None) -> Drained | None:
        """Handles the events of a shard until none is left or its time is over; None when somebody else does.

        `local` makes calls in this process.
        """
        self._give_back_interrupted()
        lease = self._store.acquire(shard, owner)
        if lease is None:
            return None
        try:
            return Drain(self._store, self.progress, self._people, lease, local).run()
        except Unavailable:
            self._interrupted.add(lease)
            raise

    def progress(
        self, case: Case, distributor: Distributor | None = None, packed_data: bytes | None = None
    ) -> Progress:
        """A case that was read, ready to take events. `packed_data`: what its data were unpacked from, if known."""
        reads = Reads(
            self._items, self._store.results, self._definitions.find, self._folders, self._rules, self._store.journal
        )
        return Progress(self.specification_of(case), case, distributor or self._people(), reads, packed_data)

    def specification_of(self, case: Case) -> Specification:
        """The specification a case runs, compiled."""
        return self._definitions.get(case.specification, case.specification_version)

    def variables_of(self, case: Case) -> dict[str, Any]:
        """The variables of a case as its next step will find them: what it shares is read anew."""
        net = self.specification_of(case).nets[case.net]
        data = {**net.nulls, **case.data}
        if net.shared:
            data |= sharing.news(net, case.data, self._folders.values(sharing.places(net, case)))[0]
        return data

    def _give_back_interrupted(self) -> None:
        """Gives back the leases over which the store went away: a drainer that lives on counts against no event."""
        for lease in tuple(self._interrupted):
            self._store.release(lease, unfinished=True)
            self._interrupted.discard(lease)

    def _items(self, item_ids: Iterable[str]) -> Mapping[str, WorkItem]:
        return self._store.load([], item_ids).items
