"""A page of items that are all known: those of one case, or of a store in memory."""

from collections.abc import Iterable

from engine.items.work_item import WorkItem
from engine.store import indexing
from engine.store.paging import Cursor, page
from engine.store.port import ItemPage, ItemQuery


def page_of_items(items: Iterable[WorkItem], query: ItemQuery) -> ItemPage:
    """Those that a query wants, in the order in which the indexes have them."""
    known = {indexing.place(item, query): item for item in items if query.wants(item)}
    places = [Cursor(0, place) for place in sorted(known)]
    found, cursor = page(
        lambda after, count: [place for place in places if after is None or place > after][:count],
        lambda names: [known[name] for name in names],
        query.wants,
        query.limit,
        query.after,
        newest_first=False,
    )
    return ItemPage(found, cursor)
