"""WCP-24, Persistent Trigger: an outside event is kept until a task consumes it, each of them once, in their order."""

from typing import Any

from engine.case import CaseStatus
from engine.events import TriggerPosted
from engine.items.work_item import ItemState
from engine.spec.model import Specification
from engine.steps.triggers import MOST_KEPT
from tests.net_notation import net
from tests.patterns.gallery import gallery
from tests.patterns.played import Play

MAIL: dict[str, Any] = {"trigger": {"name": "mail", "kind": "persistent"}}
READ = MAIL | {"output": {"go": "$.trigger"}}


def waiting(text: str = "i -> A! -> B -> C! -> o", **changes: Any) -> Specification:
    """A net in which B waits for mail."""
    return net(text, **{"B": MAIL, **changes})


def test_an_event_that_comes_early_is_kept_until_a_task_wants_it(play: Play) -> None:
    case = play(waiting())
    case.trigger("mail")
    assert case.noted[-1] == ("kept", "") and case.offered == ["A"]
    case.do("A")
    assert case.offered == ["C"] and case.case.triggers == ()


def test_an_event_for_which_a_task_waits_is_not_kept(play: Play) -> None:
    case = play(waiting())
    case.do("A")
    case.trigger("mail")
    assert case.offered == ["C"] and case.case.triggers == ()


def test_an_event_is_consumed_once(play: Play) -> None:
    case = play(net("i -> A! -> B -> C -> D! -> o", B=MAIL, C=MAIL))
    case.trigger("mail")
    case.do("A")
    assert case.fired == ["A", "B"] and case.marking == {"B>C": 1}
    case.trigger("mail")
    assert case.offered == ["D"]


def test_each_of_several_events_is_kept(play: Play) -> None:
    case = play(net("i -> A! -> B -> C -> D! -> o", B=MAIL, C=MAIL))
    case.trigger("mail")
    case.trigger("mail")
    case.trigger("mail")
    case.do("A")
    assert case.offered == ["D"] and case.case.triggers == (("mail", None),)


def test_the_oldest_event_is_consumed_first(play: Play) -> None:
    case = play(net("i -> A -> B -> C! -> xor(A, o)", B=READ))
    for letter in ("first", "second", "third"):
        case.trigger("mail", letter)
    seen = []
    for _ in range(3):
        seen.append(case.case.data["go"])
        case.do("C", go="A")
    assert seen == ["first", "second", "third"]


def test_events_of_other_names_are_passed_over(play: Play) -> None:
    door = {"trigger": {"name": "door", "kind": "persistent"}}
    case = play(net("i -> A! -> B -> C -> D! -> o", B=MAIL, C=door))
    case.trigger("door")
    case.trigger("mail")
    assert case.case.triggers == (("door", None), ("mail", None))
    case.do("A")
    assert case.offered == ["D"]


def test_an_event_that_no_task_of_the_net_keeps_is_lost(play: Play) -> None:
    case = play(waiting())
    case.trigger("fax")
    assert case.noted[-1] == ("lost", "") and case.case.triggers == ()


def test_of_one_name_a_transient_task_takes_what_comes_and_a_persistent_one_what_is_kept(play: Play) -> None:
    transient = {"trigger": {"name": "mail", "kind": "transient"}}
    case = play(net("i -> A -> and(B, C! -> D) -> E! -> o", B=transient, D=MAIL))
    case.trigger("mail")
    assert case.fired == ["A", "B"]
    case.trigger("mail")
    assert case.noted[-1] == ("kept", "")
    case.do("C")
    assert case.fired[-1] == "D" and case.offered == ["E"]


def test_of_two_tasks_that_wait_the_first_one_of_the_document_is_started(play: Play) -> None:
    case = play(net("i -> A -> and(B, C) -> D! -> o", B=MAIL, C=MAIL))
    case.trigger("mail")
    assert case.fired == ["A", "B"]


def test_a_kept_event_wins_a_deferred_choice_before_anybody_is_asked(play: Play) -> None:
    case = play(net("i -> A! -> p -> choice(B, C!) -> D! -> o", B=MAIL))
    case.trigger("mail")
    case.do("A")
    assert case.fired == ["A", "B"] and case.items("C") == []


def test_a_kept_event_shows_the_item_of_a_person_at_once(play: Play) -> None:
    case = play(waiting("i -> A! -> B! -> o"))
    case.trigger("mail")
    case.do("A")
    assert case.offered == ["B"] and case.case.triggers == ()


def test_as_many_items_are_shown_as_events_have_come(play: Play) -> None:
    case = play(net("i -> A -> and(X, Y, Z) -> xor:B! -> C!", implicit=True, B=MAIL))
    for count in (1, 2, 3):
        case.trigger("mail")
        assert case.offered == ["B"] * count
    case.trigger("mail")
    assert case.offered == ["B"] * 3 and len(case.case.triggers) == 1


def test_the_event_of_an_item_that_is_withdrawn_waits_for_another(play: Play) -> None:
    case = play(net("i -> A -> p -> choice(B!, C!) -> D -> xor(A, o)", B=READ))
    case.trigger("mail", "a letter")
    assert case.offered == ["C", "B"] and not case.case.triggers
    case.start("C")
    assert case.states("B") == [ItemState.WITHDRAWN] and case.case.triggers == (("mail", "a letter"),)


def test_a_withdrawn_event_is_consumed_in_the_next_round(play: Play) -> None:
    case = play(net("i -> A -> p -> choice(B!, C!) -> D -> xor(A, o)", B=READ))
    case.trigger("mail", "a letter")
    case.do("C", go="A")
    assert sorted(case.offered) == ["B", "C"]
    case.do("B")
    assert case.case.data["go"] == "a letter"


def test_withdrawn_events_keep_their_order(play: Play) -> None:
    # Two items of B wait; one of them is withdrawn, and then the other.
    case = play(net("i -> A -> and(X -> p, Y -> p); p -> choice(B!, C!)", implicit=True, B=READ))
    for letter in ("first", "second", "third"):
        case.trigger("mail", letter)
    case.start("C")
    assert case.case.triggers == (("mail", "second"), ("mail", "third"))
    case.start("C")
    assert [data for _, data in case.case.triggers] == ["first", "second", "third"]


def test_a_cancelled_item_takes_its_event_with_it(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!) -> xor:D! -> o", B=MAIL))
    case.trigger("mail")
    case.cancel_item(case.items("B")[0].id)
    assert case.case.triggers == () and case.marking == {"A>C": 1}


def test_an_event_waits_until_the_mutex_is_free(play: Play) -> None:
    held = {"mutex": "m"}
    case = play(net("i -> A -> and(X*, B*) -> C! -> o", X=held, B=MAIL | held))
    case.trigger("mail")
    assert case.called == ["X"] and [name for name, _ in case.case.triggers] == ["mail"]
    case.answer("X")
    assert case.called == ["B"] and case.case.triggers == ()


def test_the_trigger_is_one_thing_an_or_join_waits_for(play: Play) -> None:
    case = play(net("i -> A -> and(B!, C!); B -> D; D -> or:E! -> o; C -> E", D=MAIL))
    case.do("C")
    case.do("B")
    assert case.offered == []
    case.trigger("mail")
    assert case.offered == ["E"]


def test_instances_see_what_the_event_brought(play: Play) -> None:
    both = {"instances": {"count": 2, "gather": {"variable": "letters", "from": "$.trigger.number"}}}
    letters = {"letters": {"schema": {"type": "array"}}}
    case = play(net("i -> B! -> C! -> o", variables=letters, B=MAIL | both))
    case.trigger("mail", {"number": 7})
    case.do("B")
    case.do("B")
    assert case.case.data["letters"] == [7, 7]


def test_no_more_events_are_kept_than_the_bound_allows(play: Play) -> None:
    case = play(waiting())
    case.happen_together(*(TriggerPosted("mail", number, "ann") for number in range(MOST_KEPT + 2)))
    assert [data for _, data in case.case.triggers] == list(range(MOST_KEPT))
    assert case.noted[-2:] == [("lost", ""), ("lost", "")]


def test_what_was_kept_does_not_keep_a_case_from_ending(play: Play) -> None:
    case = play(net("i -> A! -> B", implicit=True, B=MAIL))
    case.trigger("mail")
    case.trigger("mail")
    case.do("A")
    assert case.status is CaseStatus.COMPLETED and case.case.triggers == ()


def test_goods_that_come_before_their_invoice_are_paid(play: Play) -> None:
    case = play(gallery("wcp24-persistent-trigger"), invoice="R-17", cents_each=250)
    case.trigger("goods-received", {"pieces": 4})
    assert case.offered == ["approve"]
    case.do("approve")
    assert case.called == ["pay"]
    case.answer("pay", cents=1000)
    assert case.status is CaseStatus.COMPLETED and case.case.data["paid_cents"] == 1000


def test_goods_that_come_after_their_invoice_are_paid(play: Play) -> None:
    case = play(gallery("wcp24-persistent-trigger"), invoice="R-17", cents_each=250)
    case.do("approve")
    assert case.called == [] and case.status is CaseStatus.RUNNING
    case.trigger("goods-received", {"pieces": 4})
    assert case.called == ["pay"]


def test_the_journal_names_the_event_that_is_kept(play: Play) -> None:
    case = play(waiting())
    case.trigger("mail")
    assert [note.detail for note in case.journal[-1].notes] == ["mail"]


def test_the_journal_tells_why_an_event_came_too_late(play: Play) -> None:
    case = play(waiting())
    case.cancel()
    case.trigger("mail")
    assert [(note.what, note.detail) for note in case.journal[-1].notes] == [("ignored", "the case is cancelled")]
