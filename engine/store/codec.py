"""How records are packed: MessagePack by msgspec, arrays without field names.

A head is what scripts read, as text that ends with a full stop, so that a prefix is a comparison: `running ` means
live whatever the revision, `running 17.` means exactly this one.
"""

from copy import copy
from functools import lru_cache
from typing import Any

from msgspec import MsgspecError
from msgspec.msgpack import Decoder, Encoder

from engine.case import Case, CaseStatus
from engine.effects import Call
from engine.errors import RecordDamaged
from engine.events import Envelope, TimerFired
from engine.items.work_item import WorkItem
from engine.journal import Entry, digest_of
from engine.store.port import DeadLetter, PackedCase

_encode = Encoder().encode
_case = Decoder(Case).decode
_data = Decoder(dict[str, Any]).decode
_item = Decoder(WorkItem).decode
_call = Decoder(Call).decode
_entry = Decoder(Entry).decode
_envelope = Decoder(Envelope).decode
_dead = Decoder(DeadLetter).decode
_names = Decoder(tuple[str, ...]).decode

FORMAT = 2
"""The format of all records and indexes. It counts up when a program that knows the one before would misread them, or
would replay a journal otherwise: a field that is added at the end, with a default, leaves it as it is. From 2 on items
are indexed by their urgency."""

LARGE_DATA = 4_096
"""From so many bytes on the data of a case is remembered between one reading and the next."""

LIVE_CASE = f"{CaseStatus.RUNNING} "
"""The beginning of the head of a case in which items may move."""


def case_head(case: Case) -> str:
    """`running 17.`"""
    return f"{case.status} {case.revision}."


def item_head(item: WorkItem) -> str:
    """`offered 3.`"""
    return f"{item.state} {item.version}."


TAKEN_CALL = "taken "
"""The beginning of the head of a call that somebody makes."""


WAITING_CALL = "waiting "
AWAITING_CALL = "awaiting "
REPORTED_CALL = "reported "


def waiting_call_head(attempts: int) -> str:
    """`waiting 1.`: a call after so many attempts."""
    return f"waiting {attempts}."


def taken_call_head(attempt: int, owner: str) -> str:
    """`taken 2 worker-1.`: the attempt under way and who makes it."""
    return f"taken {attempt} {owner}."


def reported_call_head(attempt: int) -> str:
    """`reported 2.`: the outcome of one of several instances, or one that came by callback, is on its way."""
    return f"reported {attempt}."


def awaiting_call_head(attempt: int, wait_ms: int | None) -> str:
    """`awaiting 2 60000.`: the call was made, and its outcome comes by callback within so many ms; `-`: at any time."""
    return f"awaiting {attempt} {'-' if wait_ms is None else wait_ms}."


def wait_ms_of(awaiting_head: str) -> int:
    """How long the outcome of an awaited call is waited for, which does not wait for ever."""
    return int(awaiting_head.rstrip(".").split(" ")[2])


def attempts_of(call_head: str) -> int:
    """How many attempts of a call have begun."""
    return int(call_head.rstrip(".").split(" ")[1])


class CasePacker:
    """Packs one case again and again; data that did not change since the last time is not packed anew.

    `packed` is what the data of `case` were unpacked from, where that is known.
    """

    def __init__(self, case: Case | None = None, packed: bytes | None = None) -> None:
        self._last: tuple[Case, PackedCase] | None = None
        self._data: dict[str, Any] | None = None
        self._packed = b""
        self._digest = b""
        if case is not None and packed is not None:
            self._data, self._packed = case.data, packed
            self._digest = _shared_digest(packed) if len(packed) >= LARGE_DATA else digest_of(packed)

    def pack(self, case: Case) -> PackedCase:
        """The case, packed. Nobody changes a case that was packed."""
        if self._last is not None and self._last[0] is case:
            return self._last[1]
        if case.data is not self._data:
            self._data, self._packed = case.data, _encode(case.data)
            self._digest = digest_of(self._packed)
        body = _encode(_without_data(case))
        packed = PackedCase(body, self._packed, digest_of(body + self._digest))
        self._last = case, packed
        return packed


def pack_case(case: Case) -> PackedCase:
    """A case."""
    return CasePacker().pack(case)


def unpack_case(body: bytes, data: bytes) -> Case:
    """A case. Its data may be shared with other copies: nobody changes it in place. Raises `RecordDamaged`."""
    try:
        case = _case(body)
        case.data = _shared_data(data) if len(data) >= LARGE_DATA else _data(data)
    except (MsgspecError, UnicodeDecodeError) as error:
        raise RecordDamaged(str(error)) from error
    return case


def _without_data(case: Case) -> Case:
    bare = copy(case)
    bare.data = {}
    return bare


@lru_cache(maxsize=16)
def _shared_data(packed: bytes) -> dict[str, Any]:
    return _data(packed)


@lru_cache(maxsize=16)
def _shared_digest(packed: bytes) -> bytes:
    return digest_of(packed)


def pack_result(values: dict[str, Any]) -> bytes:
    """What an instance gave, by variable."""
    return _encode(values)


def unpack_result(packed: bytes) -> dict[str, Any]:
    """What an instance gave, by variable."""
    return _data(packed)


def pack_item(item: WorkItem) -> bytes:
    """An item."""
    return _encode(item)


def unpack_item(packed: bytes) -> WorkItem:
    """An item. Raises `RecordDamaged`."""
    try:
        return _item(packed)
    except (MsgspecError, UnicodeDecodeError) as error:
        raise RecordDamaged(str(error)) from error


def pack_call(call: Call) -> bytes:
    """A call."""
    return _encode(call)


def unpack_call(packed: bytes) -> Call:
    """A call."""
    return _call(packed)


def pack_timer(case_id: str, number: int, due: int) -> bytes:
    """A timer, as the event it will be: the same timer is always packed the same."""
    return _encode(Envelope(case_id, TimerFired(number, due)))


def pack_entry(entry: Entry) -> bytes:
    """A journal entry."""
    return _encode(entry)


def unpack_entry(packed: bytes) -> Entry:
    """A journal entry."""
    return _entry(packed)


def pack_envelope(envelope: Envelope) -> bytes:
    """An event on its way."""
    return _encode(envelope)


def unpack_envelope(packed: bytes) -> Envelope:
    """An event on its way."""
    return _envelope(packed)


def pack_dead_letter(letter: DeadLetter) -> bytes:
    """An event that could not be handled."""
    return _encode(letter)


def unpack_dead_letter(packed: bytes) -> DeadLetter:
    """An event that could not be handled."""
    return _dead(packed)


def pack_names(names: tuple[str, ...]) -> bytes:
    """A set of people."""
    return _encode(names)


def unpack_names(packed: bytes) -> tuple[str, ...]:
    """A set of people."""
    return _names(packed)
