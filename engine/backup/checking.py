"""Checking a backup without restoring it: its sums, every record, and every case against its journal."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import MsgspecError

from engine.backup.records import About, Total, read
from engine.backup.restoring import Open, check
from engine.backup.specifications import specifications_in
from engine.definitions import Definitions
from engine.errors import RecordDamaged
from engine.events import Envelope, ItemCompleted
from engine.items import moves
from engine.items.work_item import WorkItem
from engine.replay import ReplayDiffers, first_version, replay, stub_of
from engine.store import codec
from engine.store.tree import CaseRecord, Tree

MOST_DIFFERENCES = 100
"""So many cases that are not what their journals say are named."""


class Verified(NamedTuple):
    """What a backup is, what is in it, and which cases are not what their journals say."""

    about: About
    total: Total
    differences: list[str]


def verify(open_file: Open) -> Verified:
    """Checks a whole backup. Raises `Damaged` where it is not what was written."""
    with open_file() as source:
        about, total = check(source)
    definitions = specifications_in(open_file)
    differences: list[str] = []
    with open_file() as source:
        for tree in read(source, (Tree,)):
            assert isinstance(tree, Tree)
            differences += _differences(tree, definitions)
            if len(differences) >= MOST_DIFFERENCES:
                break
    return Verified(about, total, differences[:MOST_DIFFERENCES])


def _differences(tree: Tree, definitions: Definitions) -> list[str]:
    try:
        for _ in tree.decoded():
            pass
    except (MsgspecError, RecordDamaged) as damage:
        return [f"case tree {tree.root}: a record in it cannot be read: {damage}"]
    return [f"case {case_id}: {what}" for case_id, what in differences_of(tree, definitions)]


def differences_of(tree: Tree, definitions: Definitions) -> Iterator[tuple[str, str]]:
    """The cases of a tree that are not what their journals say, and how."""
    completed = completions(_set_aside(tree))
    for record in tree.cases:
        found = _difference(record, completed, definitions)
        if found:
            yield record.id, found


def _set_aside(tree: Tree) -> list[Envelope]:
    """The events that no case has taken yet: they wait, or could not be handled."""
    packed = [each for _, each in tree.events] + [each for record in tree.cases for each in record.parked]
    envelopes = [codec.unpack_envelope(each) for each in packed]
    return envelopes + [codec.unpack_dead_letter(each).envelope for each in tree.dead]


def completions(envelopes: Iterable[Envelope]) -> dict[str, ItemCompleted]:
    """The completions among events that no case has taken yet, by item: they stand nevertheless."""
    return {each.event.item: each.event for each in envelopes if isinstance(each.event, ItemCompleted)}


def with_completions(items: dict[str, WorkItem], completed: dict[str, ItemCompleted]) -> dict[str, WorkItem]:
    """The items that a journal tells of, after completions that are not in it yet."""
    after = dict(items)
    for item_id in items.keys() & completed.keys():
        event = completed[item_id]
        after[item_id] = moves.complete(items[item_id], event.output, event.by, event.at)
    return after


def _difference(record: CaseRecord, completed: dict[str, ItemCompleted], definitions: Definitions) -> str:
    case = record.case()
    entries = [codec.unpack_entry(packed) for packed in record.journal]
    version = first_version(case, entries)
    try:
        replayed = replay(
            definitions.get(case.specification, version),
            stub_of(case, version),
            entries,
            lambda later: definitions.get(case.specification, later),
        )
        items = with_completions(replayed.items, completed)
    except ReplayDiffers as differs:
        return str(differs)
    except Exception as error:  # noqa: BLE001
        # A journal that does not belong to its case may make the kernel raise anything: that is what is looked for.
        return f"its journal cannot be replayed: {type(error).__name__}: {error}"
    if codec.pack_case(replayed.case) != codec.pack_case(case):
        return "it is not what its journal says"
    try:
        stored = {item.id: item for item in map(codec.unpack_item, record.items)}
    except RecordDamaged as damage:
        return f"an item cannot be read: {damage}"
    differing = sorted(item for item in items.keys() | stored.keys() if items.get(item) != stored.get(item))
    return f"these items are not what its journal says: {', '.join(differing)}" if differing else ""
