"""The names of all Redis keys, one function each. `redis_store.py`, `redis_registry.py` and `redis_folders.py` document
what they hold.

Keys of a shard carry its number as hash tag, so that on a Redis Cluster a commit stays on one node.
"""

LAYOUT = "casewright:layout"


def events(shard: int) -> str:
    """Events not yet handled."""
    return f"{{{shard}}}:events"


def lease(shard: int) -> str:
    """Who drains the shard."""
    return f"{{{shard}}}:lease"


def case(shard: int, case_id: str) -> str:
    """A case."""
    return f"{{{shard}}}:case:{case_id}"


def results(shard: int, run_id: str) -> str:
    """What the instances of a run gave."""
    return f"{{{shard}}}:run:{run_id}"


def journal(shard: int, case_id: str) -> str:
    """The journal of a case."""
    return f"{{{shard}}}:case:{case_id}:journal"


def item(shard: int, item_id: str) -> str:
    """An item, or a call."""
    return f"{{{shard}}}:item:{item_id}"


def once(shard: int, name: str) -> str:
    """The mark of a request."""
    return f"{{{shard}}}:once:{name}"


def calls(shard: int) -> str:
    """Calls by when they are due."""
    return f"{{{shard}}}:calls"


def timers(shard: int) -> str:
    """Timers by when they are due."""
    return f"{{{shard}}}:timers"


def dead(shard: int) -> str:
    """Events that could not be handled."""
    return f"{{{shard}}}:dead"


def parked(shard: int, case_id: str) -> str:
    """Events that came for a case which stands still."""
    return f"{{{shard}}}:parked:{case_id}"


def by_status(shard: int, status: str) -> str:
    """Cases of a status."""
    return f"{{{shard}}}:by:status:{status}"


def by_specification(shard: int, specification: str) -> str:
    """Cases of a specification."""
    return f"{{{shard}}}:by:specification:{specification}"


def by_parent(shard: int, case_id: str) -> str:
    """The children of a case."""
    return f"{{{shard}}}:by:parent:{case_id}"


def by_state(shard: int, state: str) -> str:
    """Live items of a state."""
    return f"{{{shard}}}:by:state:{state}"


def by_owner(shard: int, person: str) -> str:
    """Live items that one person owns."""
    return f"{{{shard}}}:by:owner:{person}"


def by_offer(shard: int, people: str) -> str:
    """Items offered to one set of people, named by the digest of the set."""
    return f"{{{shard}}}:by:offer:{people}"


def offers(shard: int) -> str:
    """The sets of people that anything was offered to, by digest."""
    return f"{{{shard}}}:by:offers"


def specification(identifier: str, version: str) -> str:
    """One version of a specification."""
    return f"spec:{identifier}:{version}"


def specification_versions(identifier: str) -> str:
    """The versions of a specification."""
    return f"spec:{identifier}"


SPECIFICATIONS = "spec:"
"""The set of all specifications' ids. It cannot be the name of one, which is never empty."""

PARTICIPANTS = "org:participants"
ORGANISATION_VERSION = "org:version"
USERS = "user:all"
"""A hash of all users by name."""

REVOKED = "revoked:"
"""Prefix of the ids of tokens that are no longer good, each until it would have expired anyway."""


def revoked(token_id: str) -> str:
    """A token that is no longer good."""
    return f"{REVOKED}{token_id}"


def shared(place: str) -> str:
    """What cases share in a place."""
    return f"folder:{{{place}}}"


def shared_watchers(place: str) -> str:
    """The cases that are told when it changes."""
    return f"folder:{{{place}}}:watchers"


def shared_once(place: str, name: str) -> str:
    """The mark of a write."""
    return f"folder:{{{place}}}:once:{name}"


def shared_closed(place: str) -> str:
    """The sign that a place is needed no longer."""
    return f"folder:{{{place}}}:closed"


REGISTRY = ("spec:", "org:", "user:", "rules:", "worklets:", "connectors:", "folder:", "history:", "audit", REVOKED)
"""How the names of all keys begin that a backup takes beside the cases. What is not among them comes again by itself:
the state of breakers, rates and loads.
"""

EVERY_MARK = "{*}:once:*"
"""The pattern of the marks of all requests."""

EVERY_SPECIFICATION_INDEX = "{*}:by:specification:*"
"""The pattern of the indexes of cases by specification."""
