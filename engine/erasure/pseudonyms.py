"""A case tree in which somebody is called otherwise: case, items and journal, still in agreement with each other.

Only where a record says who somebody is: who did something, owns or was offered an item, was eligible, took part. Data
of the case are left alone, because nobody can tell a name in them from the same word that means something else.

The journal is replayed with the new name, so every digest is that of the case as it is called now, and it is compared
with the case as it was stored: what would not replay is not changed.
"""

from typing import Any

from msgspec import Struct, structs

from engine.case import Case
from engine.events import (
    AllocatedAnswered,
    CaseMigrated,
    CaseSubmitted,
    Envelope,
    Event,
    ItemMoved,
    ItemUpdated,
)
from engine.journal import SEMANTICS, Entry
from engine.replay import Find, ReplayDiffers, stub_of_event
from engine.spec.model import Specification
from engine.step import step
from engine.store import codec
from engine.store.port import DeadLetter
from engine.store.tree import CaseRecord, Tree

SAYS_WHO = frozenset(
    {
        "by",
        "to",
        "also",
        "offered_to",
        "owner",
        "eligible",
        "without",
        "among",
        "rejected_by",
        "ignored",
        "submitted_by",
        "handler",
        "started",
        "completed",
    }
)
"""Fields of records that name people (or other resources), whatever the record."""


def mentions(tree: Tree, person: str) -> bool:
    """Whether a tree says of somebody that it was this person."""
    return any(_renamed(each, person, "") != each for each in tree.decoded() if isinstance(each, Struct))


def with_pseudonym(tree: Tree, person: str, pseudonym: str, find: Find) -> Tree:
    """A tree at rest in which a person is called otherwise.

    Raises `ReplayDiffers` where it would not be what its journals say, and what `find` raises.
    """
    cases = tuple(_case_record(record, person, pseudonym, find) for record in tree.cases)
    return structs.replace(tree, cases=cases)


def _case_record(record: CaseRecord, person: str, pseudonym: str, find: Find) -> CaseRecord:
    case = _renamed(record.case(), person, pseudonym)
    entries = _entries(case, record, person, pseudonym, find)
    packed = codec.pack_case(case)
    return structs.replace(
        record,
        body=packed.body,
        data=packed.data,
        journal=tuple(map(codec.pack_entry, entries)),
        items=tuple(codec.pack_item(_renamed(codec.unpack_item(each), person, pseudonym)) for each in record.items),
    )


def _entries(case: Case, record: CaseRecord, person: str, pseudonym: str, find: Find) -> list[Entry]:
    """The journal with the other name, and the digests that belong to it."""
    entries = [codec.unpack_entry(packed) for packed in record.journal]
    begins = next(((entry, entry.event) for entry in entries if isinstance(entry.event, CaseSubmitted)), None)
    if begins is None:
        raise ReplayDiffers(0, "the submission of the case is not in it")
    first, event = begins
    specification = find(event.specification, event.version)
    replayed = stub_of_event(record.id, _renamed(event, person, pseudonym), first.correlation_id)
    packer, written = codec.CasePacker(), list[Entry]()
    for number, entry in enumerate(entries):
        if entry.semantics != SEMANTICS:
            raise ReplayDiffers(number, f"it was written by kernel semantics {entry.semantics}, this is {SEMANTICS}")
        renamed = _renamed(entry.event, person, pseudonym)
        if isinstance(renamed, ItemMoved | ItemUpdated):
            written.append(structs.replace(entry, event=renamed))
            continue
        if isinstance(renamed, CaseMigrated):
            specification = find(event.specification, renamed.version)
        replayed, after = _stepped(specification, replayed, renamed, entry, packer)
        written.append(after)
    if codec.pack_case(replayed) != codec.pack_case(case):
        raise ReplayDiffers(len(entries) - 1, "with another name it would lead to another case")
    return written


def _stepped(
    specification: Specification, case: Case, event: Event, entry: Entry, packer: codec.CasePacker
) -> tuple[Case, Entry]:
    done = step(specification, case, event, entry.at)
    digest = packer.pack(done.case).digest
    return done.case, structs.replace(entry, event=event, notes=done.notes, digest=digest)


def _renamed(record: Any, person: str, pseudonym: str) -> Any:
    """A record in which the fields that say who somebody is say the other name."""
    if isinstance(record, Entry | Envelope):
        return structs.replace(record, event=_renamed(record.event, person, pseudonym))
    if isinstance(record, DeadLetter):
        return structs.replace(record, envelope=_renamed(record.envelope, person, pseudonym))
    if isinstance(record, AllocatedAnswered):
        items = tuple((item, pseudonym if owner == person else owner) for item, owner in record.items)
        return structs.replace(record, items=items)
    changes = {
        name: _renamed_value(getattr(record, name), person, pseudonym)
        for name in record.__struct_fields__
        if name in SAYS_WHO
    }
    if isinstance(record, ItemMoved) and record.to is not None:
        # Several are joined by commas, which no name has.
        changes["to"] = ",".join(pseudonym if each == person else each for each in record.to.split(","))
    if isinstance(record, Case):
        changes["performers"] = {task: _renamed(each, person, pseudonym) for task, each in record.performers.items()}
        changes["kept"] = tuple(_renamed(event, person, pseudonym) for event in record.kept)
        twin = record.copy()
        for name, value in changes.items():
            setattr(twin, name, value)
        return twin
    return structs.replace(record, **changes)


def _renamed_value(value: Any, person: str, pseudonym: str) -> Any:
    if isinstance(value, str):
        return pseudonym if value == person else value
    if isinstance(value, tuple | list):
        return type(value)(pseudonym if each == person else each for each in value)
    return value
