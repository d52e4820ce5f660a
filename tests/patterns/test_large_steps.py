"""What a step may create is bounded: a wide net goes on in further steps, and nothing is lost or doubled."""

from engine.case import CaseStatus
from engine.events import Continued
from tests.net_notation import net
from tests.patterns.played import Play

WIDE = 300
CALLS = [f"T{number}" for number in range(WIDE)]


def test_three_hundred_parallel_calls_are_placed_in_several_steps(play: Play) -> None:
    case = play(net(f"i -> A -> and({', '.join(task + '*' for task in CALLS)}) -> Z -> o"))
    assert case.called == CALLS
    assert [type(entry.event) for entry in case.journal[1:]] == [Continued, Continued]
    assert [sum(note.what == "fired" for note in entry.notes) for entry in case.journal] == [101, 100, 100]


def test_three_hundred_parallel_calls_come_together_again(play: Play) -> None:
    case = play(net(f"i -> A -> and({', '.join(task + '*' for task in CALLS)}) -> Z -> o"))
    for task in CALLS:
        case.answer(task)
    assert case.status is CaseStatus.COMPLETED and case.fired[-1] == "Z"


def test_three_hundred_items_are_offered_and_cancelled_in_several_steps(play: Play) -> None:
    case = play(net(f"i -> A -> and({', '.join(task + '!' for task in CALLS)}) -> Z -> o"))
    assert case.offered == CALLS
    case.cancel()
    assert case.offered == [] and case.case.runs == {} and case.status is CaseStatus.CANCELLED
