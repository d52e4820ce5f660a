"""The reckoning itself: what is lost, done twice or left lying is found, on histories into which it was planted."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from engine.case import Case, CaseStatus
from engine.events import ItemCompleted, ItemMoved, ItemStarted
from engine.items.moves import Move
from engine.items.work_item import ItemState, WorkItem
from engine.journal import Entry, Note
from tests.chaos.history import Answer, Call, Operation, Record, Span, Verdict, check

EXPECTED: Mapping[str, Mapping[str, Any]] = {"claimed": {"n": 2}}
OUTPUT = {"by": "ann"}
ITEM = WorkItem(
    "c:1", "c", "claimed", "1", "main", "pick", "human", ItemState.COMPLETED, owner="ann", output=OUTPUT, applied=True
)
JOURNAL = [
    Entry(1, ItemMoved("c:1", Move.CLAIM, "ann", None)),
    Entry(2, ItemStarted("c:1", "ann")),
    Entry(3, ItemCompleted("c:1", OUTPUT, "ann", 3), (Note("completed", task="pick", number=1),)),
    Entry(4, ItemCompleted("c:2", None, "", 4), (Note("ended"),)),
]


def told(operation: Operation, client: str = "ann", at: float = 10.0, subject: str = "c:1", given: str = "") -> Call:
    """A call that was answered with success."""
    output = OUTPUT if operation is Operation.COMPLETE else None
    return Call(client, operation, subject, at - 0.1, at, Answer.OK, 200, "", given, output)


CALLS = [
    told(Operation.SUBMIT, "desk", subject="key", given="c"),
    told(Operation.CLAIM),
    told(Operation.START),
    told(Operation.COMPLETE),
]


def record(status: CaseStatus = CaseStatus.COMPLETED, n: int = 2, item: WorkItem = ITEM, less: int = 0) -> Record:
    """The case as the store has it in the end, its journal without the first `less` entries."""
    case = Case("c", "claimed", "1", "main", status, data={"key": "key", "n": n})
    return Record(case, JOURNAL[less:], {item.id: item}, None)


def verdict(records: Mapping[str, Record], *more: Call, at_stake: Span | None = None) -> Verdict:
    """What the reckoning says of the calls above and some more."""
    return check([*CALLS, *more], records, EXPECTED, *([at_stake] if at_stake else []))


def test_a_history_that_agrees_with_the_store_is_clean() -> None:
    assert verdict({"c": record()}).is_clean


def test_an_accepted_case_that_is_not_there_is_a_loss() -> None:
    assert "case c" in [loss.what for loss in verdict({}).losses]


def test_a_claim_that_stands_in_no_journal_is_a_loss() -> None:
    assert [loss.what for loss in verdict({"c": record(less=1)}).losses] == ["ann's claim of c:1"]


def test_a_completion_whose_output_is_another_is_a_loss() -> None:
    found = verdict({"c": record(item=replace(ITEM, output={"by": "bob"}))})
    assert len(found.losses) == 1
    assert found.losses[0].what.startswith("the output of c:1")


def test_a_completion_that_is_neither_applied_nor_discarded_is_stuck() -> None:
    assert len(verdict({"c": record(item=replace(ITEM, applied=None))}).stuck) == 1


def test_a_claim_won_by_two_is_a_double() -> None:
    found = verdict({"c": record()}, told(Operation.CLAIM, "bob"))
    assert found.doubles == ["the claim of c:1 was won 2 times, by ['ann', 'bob']"]


def test_a_claim_that_may_be_lost_can_be_won_again() -> None:
    lost = told(Operation.CLAIM, "bob", at=5.0)
    found = verdict({"c": record()}, lost, at_stake=Span(4.0, 6.0))
    assert found.doubles == []
    assert [loss.what for loss in found.losses] == ["bob's claim of c:1"]


def test_a_case_that_ended_twice_is_a_double() -> None:
    twice = record()
    twice.journal.append(Entry(5, ItemCompleted("c:3", None, "", 5), (Note("ended"),)))
    assert verdict({"c": twice}).doubles == ["c: ended 2 times"]


def test_one_key_that_began_two_cases_is_a_double() -> None:
    found = verdict({"c": record(), "d": record()})
    assert "key began the cases ['c', 'd']" in found.doubles


def test_a_case_that_stands_still_is_stuck() -> None:
    assert len(verdict({"c": record(CaseStatus.RUNNING)}).stuck) == 1


def test_a_case_that_came_out_otherwise_is_wrong() -> None:
    assert verdict({"c": record(n=3)}).wrong == ["case c of claimed gave {'n': 3}"]
    assert len(verdict({"c": record(CaseStatus.FAILED)}).wrong) == 1
