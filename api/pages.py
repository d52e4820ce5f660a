"""Pages of lists that are read whole: they go on behind the last name that was shown."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.store.paging import Cursor

Record = TypeVar("Record")


def page_of(
    records: Sequence[Record], place: Callable[[Record], tuple[int, str]], limit: int, cursor: str | None
) -> tuple[list[Record], str | None]:
    """The `limit` records behind the cursor, by their places, and the cursor behind them (None: there are no more).

    Raises `InvalidInput` (`invalid_cursor`) when no page has given this cursor.
    """
    after = Cursor.read(cursor) if cursor else None
    behind = sorted((r for r in records if after is None or Cursor(*place(r)) > after), key=place)
    found = behind[:limit]
    return found, Cursor(*place(found[-1])).written() if len(behind) > limit else None
