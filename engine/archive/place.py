"""The port of where archived trees lie: a directory, or an object store."""

from collections.abc import Iterator
from typing import Protocol


class Place(Protocol):
    """Files by name (`3f/order-1.tree`). Every method may raise `Unavailable`."""

    def read(self, name: str) -> bytes | None:
        """A file; None when there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, whole or not at all, over one of that name. When this returns it is there to stay."""

    def names(self) -> Iterator[str]:
        """The names of all files."""
