"""The archive as readers see it: cases that are no longer in the store, with their items and journals.

It answers the same questions as the store about one case, so whoever shows a case need not know where it lies.

A tree is one file in the format of a backup, so it is checked whenever it is read.
"""

from binascii import crc32
from collections import OrderedDict
from collections.abc import Callable, Iterator
from io import BytesIO
from threading import Lock

from engine.archive.place import Place
from engine.backup.blocks import BlockWriter, Damaged
from engine.backup.records import pack, read
from engine.case import Case
from engine.errors import Unavailable
from engine.items.work_item import WorkItem
from engine.journal import Entry
from engine.names import case_of, number_of, root_of
from engine.store import codec
from engine.store.paging import Cursor, page
from engine.store.port import CasePage, CaseQuery
from engine.store.tree import CaseRecord, Tree

SUFFIX = ".tree"

TREES_REMEMBERED = 16
"""Who pages through a journal asks for the same tree again and again."""

REMEMBERED_S = 60.0
"""A tree can be kept anew, when somebody in it is forgotten; whoever has read it before reads it again after this."""


class Archive:
    """Case trees that have left the store. Safe for use by several threads."""

    def __init__(self, place: Place, clock: Callable[[], float] = lambda: 0.0) -> None:
        """`clock` counts seconds: with it a tree is not remembered for longer than it may be."""
        self._clock = clock
        self._place = place
        self._remembered: OrderedDict[str, tuple[float, Tree]] = OrderedDict()
        self._lock = Lock()

    def case(self, case_id: str) -> Case | None:
        """One case."""
        record = self._record(case_id)
        return record.case() if record is not None else None

    def item(self, item_id: str) -> WorkItem | None:
        """One item."""
        return next((item for item in self.items_of(case_of(item_id)) if item.id == item_id), None)

    def items_of(self, case_id: str) -> list[WorkItem]:
        """All items a case ever had for people, in order."""
        record = self._record(case_id)
        items = map(codec.unpack_item, record.items) if record is not None else ()
        return sorted(items, key=lambda item: number_of(item.id))

    def journal(self, case_id: str, start: int = 0, limit: int = 1_000_000) -> list[Entry]:
        """Entries of a case's journal from the `start`-th on."""
        record = self._record(case_id)
        packed = record.journal[start : start + limit] if record is not None else ()
        return [codec.unpack_entry(entry) for entry in packed]

    def cases(self, query: CaseQuery) -> CasePage:
        """Lists the children of a case, newest first: nothing else can be listed without reading every file."""
        assert query.parent is not None, "of the archive only the children of a case are listed"
        tree = self.tree(root_of(query.parent))
        children = {record.id: record.case() for record in tree.cases} if tree is not None else {}
        places = sorted((Cursor(case.created_at, case.id) for case in children.values()), reverse=True)
        found, following = page(
            lambda after, count: [p for p in places if after is None or p.score <= after.score][:count],
            lambda identifiers: [children.get(identifier) for identifier in identifiers],
            query.wants,
            query.limit,
            query.after,
            newest_first=True,
        )
        return CasePage(found, following)

    def tree(self, root: str) -> Tree | None:
        """An archived tree. Raises `Unavailable` (`archive_damaged`) when its file is not what was written."""
        with self._lock:
            read_at, remembered = self._remembered.get(root, (0.0, None))
            if remembered is not None and self._clock() - read_at < REMEMBERED_S:
                self._remembered.move_to_end(root)
                return remembered
        tree = self._read(root)
        if tree is not None:
            with self._lock:
                self._remembered[root] = (self._clock(), tree)
                while len(self._remembered) > TREES_REMEMBERED:
                    self._remembered.popitem(last=False)
        return tree

    def put(self, tree: Tree) -> None:
        """Keeps a tree, unless it is there already: a removal that was cut off may have left less of it since."""
        there = self._read(tree.root)
        if there is not None and _same(there, tree):
            return
        self.replace(tree)

    def replace(self, tree: Tree) -> None:
        """Keeps a tree in the place of what was kept of it. Other processes may show that for a minute."""
        content = BytesIO()
        writer = BlockWriter(content.write)
        writer.record(pack(tree))
        writer.end()
        self._place.write(name_of(tree.root), content.getvalue())
        with self._lock:
            self._remembered.pop(tree.root, None)

    def roots(self) -> Iterator[str]:
        """The root cases of all trees."""
        for name in self._place.names():
            if name.endswith(SUFFIX):
                yield name.rpartition("/")[2].removesuffix(SUFFIX)

    def _record(self, case_id: str) -> CaseRecord | None:
        tree = self.tree(root_of(case_id))
        return next((record for record in tree.cases if record.id == case_id), None) if tree is not None else None

    def _read(self, root: str) -> Tree | None:
        content = self._place.read(name_of(root))
        if content is None:
            return None
        try:
            # To the end, so that all of it is checked.
            found = list(read(BytesIO(content), (Tree,)))
        except Damaged as damage:
            raise Unavailable(f"{name_of(root)} in the archive: {damage}", code="archive_damaged") from None
        return next((tree for tree in found if isinstance(tree, Tree) and tree.root == root), None)


def name_of(root: str) -> str:
    """The name of the file of a tree. The digits before it keep directories small."""
    return f"{crc32(root.encode()) % 4096:03x}/{root}{SUFFIX}"


def _same(one: Tree, other: Tree) -> bool:
    """Whether two trees have the same cases in the same states."""
    return {(record.id, record.body, record.data) for record in one.cases} == {
        (record.id, record.body, record.data) for record in other.cases
    }
