"""Whether every case is what its journal says, and a case made again from its journal where it is not.

The journal is the truth: of each entry it is known that the state after it was the one whose digest stands there. A
case whose record is damaged, missing or different is replayed and written anew, with the items of its people; what
came for it meanwhile was set aside and follows in order.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engine.backup.checking import completions, differences_of, with_completions
from engine.case import Case, CaseStatus
from engine.case_words import words_of_case
from engine.definitions import Definitions
from engine.errors import Conflict, NotFound
from engine.events import CaseFaulted, CaseRetried, CaseSubmitted, Envelope
from engine.items.work_item import WorkItem
from engine.journal import Entry
from engine.names import root_of, shard_of
from engine.replay import replay_journal, stub_of_event
from engine.step import step
from engine.store import codec
from engine.store.port import Lease, Repaired, Store
from engine.store.vault import Vault

REPAIRER = "fsck"
"""Who repairs, in leases and journals."""

CASES_AT_ONCE = 100
"""Cases of one shard that are read together."""

MOST_WAITING = 1_000_000
"""No shard has more events."""


class Finding(NamedTuple):
    """A case that is not what its journal says, and how."""

    case_id: str
    what: str


class Checked(NamedTuple):
    """How many cases there are, and which of them are not what their journals say."""

    cases: int
    findings: list[Finding]


def check(store: Store, vault: Vault, definitions: Definitions) -> Checked:
    """Looks at all cases that have begun by now, while the system runs."""
    now, count = vault.now(), 0
    findings: list[Finding] = []
    for cases in vault.cases(now):
        count += len(cases)
        for start in range(0, len(cases), CASES_AT_ONCE):
            findings += _unreadable(store, cases[start : start + CASES_AT_ONCE])
    damaged = {root_of(finding.case_id) for finding in findings}
    for roots in vault.roots(now):
        # A tree of which one case cannot be read is looked at when that is repaired.
        for tree in vault.trees([root for root in roots if root not in damaged]):
            findings += (Finding(case_id, what) for case_id, what in differences_of(tree, definitions))
    return Checked(count, findings)


def repair(store: Store, definitions: Definitions, case_id: str) -> Case:
    """Makes a case again from its journal, and gives it.

    Raises `NotFound` (`case_not_found`) without a journal, `ReplayDiffers` where the journal does not agree with
    itself, `Conflict` (`shard_busy`) while somebody else drains its shard.
    """
    shard = shard_of(case_id, store.shards)
    lease = store.acquire(shard, REPAIRER)
    if lease is None:
        raise Conflict(f"shard {shard} is being drained; try again", code="shard_busy")
    try:
        repaired = _made_again(store, definitions, case_id, lease)
        if not store.repair(lease, repaired):
            raise Conflict(f"the lease of shard {shard} was lost; try again", code="shard_busy")
    finally:
        store.release(lease, unfinished=True)
    return repaired.case


def _unreadable(store: Store, cases: list[str]) -> Iterator[Finding]:
    loaded = store.load(cases, [])
    for case_id, what in loaded.damaged.items():
        yield Finding(case_id, f"its record cannot be read: {what}")
    for case_id in cases:
        # One that went to the archive meanwhile has no journal either.
        if case_id not in loaded.cases and case_id not in loaded.damaged and store.journal(case_id, 0, 1):
            yield Finding(case_id, "its record is missing")


def _made_again(store: Store, definitions: Definitions, case_id: str, lease: Lease) -> Repaired:
    entries, parked = store.journal(case_id), store.parked(case_id)
    if not entries:
        # It has not begun yet: all that is known of it is the event it begins with.
        first = next((each for each in parked if isinstance(each.event, CaseSubmitted)), None)
        if first is None or not isinstance(first.event, CaseSubmitted):
            raise NotFound(f"case {case_id} has no journal to be made from", code="case_not_found")
        stub = stub_of_event(case_id, first.event, first.correlation_id)
        return Repaired(stub, codec.pack_case(stub), (), (), parked, unparked=True)
    case, items = replay_journal(case_id, entries, definitions.get)
    waiting = [
        each.envelope for each in store.read(lease.shard, MOST_WAITING).events if each.envelope.case_id == case_id
    ]
    letters = [each.envelope for each in store.dead_letters(lease.shard) if each.envelope.case_id == case_id]
    items = with_completions(items, completions([*waiting, *parked, *letters]))
    specification = definitions.get(case.specification, case.specification_version)
    words = words_of_case(specification.nets[case.net], case.data)
    if not parked or case.status is CaseStatus.FAULTED:
        return Repaired(case, codec.pack_case(case), _differing(store, items), words=words)
    if case.ended:
        # What was set aside can change nothing any more, but each of it is to be answered in the journal.
        return Repaired(case, codec.pack_case(case), _differing(store, items), (), parked, unparked=True, words=words)
    # The case stands still, so that whatever is newer waits behind what was set aside.
    fault = CaseFaulted(REPAIRER, "its record was damaged; it was made again from its journal")
    done = step(specification, case, fault, store.now())
    packed = codec.pack_case(done.case)
    entry = Entry(done.at, fault, done.notes, digest=packed.digest, correlation_id=case.correlation_id)
    retry = Envelope(case_id, CaseRetried(REPAIRER), case.correlation_id)
    return Repaired(done.case, packed, _differing(store, items), (entry,), (retry,), words=words)


def _differing(store: Store, items: Mapping[str, WorkItem]) -> list[WorkItem]:
    """The items that the store does not hold so."""
    stored = store.load([], items).items
    return [item for item_id, item in items.items() if stored.get(item_id) != item]
