"""Cases that are no longer in the store: they are shown from the archive, and their ids are taken for ever."""

from typing import Protocol

from api.context import parts
from engine.case import Case
from engine.items.work_item import WorkItem
from engine.journal import Entry
from engine.names import CASE_ID
from engine.store.port import CasePage, CaseQuery


class Shelf(Protocol):
    """Where one case lies: what it is asked for to be shown."""

    def case(self, case_id: str) -> Case | None: ...

    def item(self, item_id: str) -> WorkItem | None: ...

    def items_of(self, case_id: str) -> list[WorkItem]: ...

    def journal(self, case_id: str, start: int = 0, limit: int = 1_000_000) -> list[Entry]: ...

    def cases(self, query: CaseQuery) -> CasePage: ...


def shelf_of(case_id: str) -> Shelf:
    """The store, or the archive where the case is in it."""
    if CASE_ID.fullmatch(case_id) and parts().store.case(case_id) is None and parts().archive.case(case_id) is not None:
        return parts().archive
    return parts().store
