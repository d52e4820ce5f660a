"""Which deployed specification a request means."""

import re

from api.context import parts
from api.scope import check_reach
from engine.errors import Conflict, NotFound
from engine.spec.model import Specification
from engine.store.registry import StoredSpecification

IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9-]*")
"""What the format allows as an id. Nothing else is looked up: no name may lead to the key of something else."""


def for_new_cases(identifier: str, version: str | None) -> Specification:
    """A version that takes new cases, by default the latest, compiled.

    Raises `NotFound` (`specification_not_found`) and `Conflict` (`specification_retired`).
    """
    stored = find_deployed(identifier, version)
    if stored.retired:
        raise Conflict(
            f"specification {identifier} version {stored.version} is retired and takes no new cases",
            code="specification_retired",
        )
    return parts().definitions.get(stored.id, stored.version)


def find_deployed(identifier: str, version: str | None) -> StoredSpecification:
    """A deployed version, by default the latest. Raises `NotFound` (`specification_not_found`)."""
    check_reach(identifier)
    stored = parts().registry.specification(identifier, version) if IDENTIFIER.fullmatch(identifier) else None
    if stored is None:
        wanted = f"{identifier} version {version}" if version is not None else identifier
        raise NotFound(f"no specification {wanted}", code="specification_not_found")
    return stored
