"""Idempotency keys: the same request sent twice has one effect and one answer.

For `POST /cases` nothing is kept beside the case. The id of a case that a client leaves to us is derived from who
asks, the route and the key, so a repeat meets the id taken; and what the first request said stands in the event the
case began with. A repeat is known for as long as there is the case, which is longer than the 24 h that are promised.

A repeat that leaves the version to us is the same whatever was deployed meanwhile. Where the client names the id, its
key only says that a repeat of the same is to be answered like the first.

`complete` honours its key likewise: an item that this person has completed with this output. What is asked of a case
that runs (cancel, suspend, resume, events) leaves a mark beside the event, in the same script. The other moves of items
do not read the header yet.
"""

from hashlib import blake2b
from typing import Any

from flask import request
from msgspec.msgpack import Encoder

from api.archived import shelf_of
from engine.case import Case
from engine.errors import Conflict, InvalidInput, Problem
from engine.events import CaseSubmitted, Event
from engine.names import root_of, shard_of
from engine.store.port import Once, Store

HEADER = "Idempotency-Key"
GREATEST_LENGTH = 255

EVENTS_SEARCHED = 10_000
"""How far into the waiting events of a shard the event of a case is looked for."""

_encode = Encoder(order="sorted").encode


def given_key() -> str | None:
    """The key of this request. Raises `InvalidInput` (`invalid_idempotency_key`)."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (0 < len(key) <= GREATEST_LENGTH and key.isascii() and key.isprintable()):
        message = f"is to be 1 to {GREATEST_LENGTH} printable ASCII characters"
        problem = Problem(HEADER, message)
        raise InvalidInput(f"{HEADER} {message}", code="invalid_idempotency_key", problems=(problem,))
    return key


def derived_case_id(user: str, route: str, key: str) -> str:
    """The id of the case that this key leads to: always the same, and nobody else's."""
    return blake2b(_encode((user, route, key)), digest_size=16).hexdigest()


def once(user: str, case_id: str, key: str, event: Event) -> Once:
    """The mark of a request: who asked what of which case with which key, and how. Its name begins with the case's."""
    route = f"{type(event).__name__} {case_id}"
    return Once(
        f"{root_of(case_id)}:{blake2b(_encode((user, route, key)), digest_size=16).hexdigest()}",
        blake2b(_encode(event), digest_size=16).hexdigest(),
    )


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same. `1`, `1.0` and `true` are not; the order of names does not count."""
    return _encode(one) == _encode(other)


def submitted_data(store: Store, case: Case) -> dict[str, Any]:
    """What a case was submitted with. Raises `Conflict` (`request_in_progress`) when that cannot be read now."""
    # The event moves from the stream to the journal, or to the dead letters, in one script: not found in the journal
    # nor then in the stream, it was moved between the two looks.
    for look in (_in_journal, _in_stream, _in_journal, _in_dead_letters):
        data = look(store, case.id)
        if data is not None:
            return data
    raise Conflict(f"case {case.id} is being submitted; try again", code="request_in_progress")


def _in_journal(store: Store, case_id: str) -> dict[str, Any] | None:
    for entry in shelf_of(case_id).journal(case_id, 0, 1):
        if isinstance(entry.event, CaseSubmitted):
            return entry.event.data
    return None


def _in_stream(store: Store, case_id: str) -> dict[str, Any] | None:
    for waiting in store.read(shard_of(case_id, store.shards), EVENTS_SEARCHED).events:
        if waiting.envelope.case_id == case_id and isinstance(waiting.envelope.event, CaseSubmitted):
            return waiting.envelope.event.data
    return None


def _in_dead_letters(store: Store, case_id: str) -> dict[str, Any] | None:
    for letter in store.dead_letters(shard_of(case_id, store.shards)):
        if letter.envelope.case_id == case_id and isinstance(letter.envelope.event, CaseSubmitted):
            return letter.envelope.event.data
    return None
