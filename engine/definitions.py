"""The specifications a process works with: read once from where they are kept, compiled once, and kept."""

from collections.abc import Mapping
from typing import Any, Protocol

from engine.errors import NotFound
from engine.spec.model import Specification
from engine.spec.read import load_document


class Documents(Protocol):
    """Where the documents of specifications are kept."""

    def document(self, identifier: str, version: str) -> Mapping[str, Any] | None:
        """The document of one version, which never changes."""

    def latest_version(self, identifier: str) -> str | None:
        """The version that was deployed last and is not retired."""


class Definitions:
    """Compiled specifications by id and version. One of them is never changed, so it is never read again."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._compiled: dict[tuple[str, str], Specification] = {}

    def get(self, identifier: str, version: str) -> Specification:
        """One version of a specification. Raises `NotFound` (`specification_not_found`)."""
        compiled = self._compiled.get((identifier, version))
        if compiled is None:
            document = self._documents.document(identifier, version)
            if document is None:
                raise NotFound(f"no specification {identifier} version {version}", code="specification_not_found")
            compiled = self._compiled[identifier, version] = load_document(document)
        return compiled

    def find(self, identifier: str, version: str | None) -> Specification | None:
        """A version of a specification, the latest where none is named; None when there is none."""
        version = version or self._documents.latest_version(identifier)
        if version is None:
            return None
        try:
            return self.get(identifier, version)
        except NotFound:
            return None
