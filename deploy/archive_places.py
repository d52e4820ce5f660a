"""Where the archive lies: a directory of this machine, or an object store that fsspec knows by its address."""

from collections.abc import Iterator
from pathlib import Path

import fsspec

from deploy.whole_file import whole_file
from engine.archive.place import Place
from engine.errors import Unavailable


def place_at(address: str) -> Place:
    """The place of an address: a path, or `s3://bucket/prefix`. Raises `Unavailable` where its library is missing."""
    if "://" not in address:
        return Directory(Path(address))
    if address.startswith("file://"):
        return Directory(Path(address.removeprefix("file://")))
    try:
        files, prefix = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise Unavailable(f"the archive {address} cannot be reached: {error}", code="archive_unavailable") from None
    return ObjectStore(files, prefix)


class Nowhere:
    """The place of an installation without an archive: it holds nothing, and takes nothing."""

    def read(self, name: str) -> bytes | None:
        return None

    def write(self, name: str, content: bytes) -> None:
        raise Unavailable(f"there is no archive that could take {name}", code="archive_unavailable")

    def names(self) -> Iterator[str]:
        return iter(())


class Directory:
    """A directory, perhaps one that several machines share."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _away(self._path / name, error) from None

    def write(self, name: str, content: bytes) -> None:
        path = self._path / name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with whole_file(path) as write:
                write(content)
        except OSError as error:
            raise _away(path, error) from None

    def names(self) -> Iterator[str]:
        for path in sorted(self._path.glob("*/*")):
            yield f"{path.parent.name}/{path.name}"


class ObjectStore:
    """An object store: an object is there whole or not at all."""

    def __init__(self, files: "fsspec.AbstractFileSystem", prefix: str) -> None:
        self._files = files
        self._prefix = prefix.rstrip("/")

    def read(self, name: str) -> bytes | None:
        try:
            return bytes(self._files.cat_file(f"{self._prefix}/{name}"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _away(name, error) from None

    def write(self, name: str, content: bytes) -> None:
        try:
            self._files.pipe_file(f"{self._prefix}/{name}", content)
        except OSError as error:
            raise _away(name, error) from None

    def names(self) -> Iterator[str]:
        try:
            found = sorted(self._files.find(self._prefix))
        except FileNotFoundError:
            return
        except OSError as error:
            raise _away(self._prefix, error) from None
        for path in found:
            yield "/".join(path.rsplit("/", 2)[1:])


def _away(what: object, error: OSError) -> Unavailable:
    said = error.strerror or error
    return Unavailable(f"{what} in the archive cannot be reached: {said}", code="archive_unavailable")
