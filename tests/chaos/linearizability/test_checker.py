"""The checker itself: it finds what is planted, accepts what is right, and agrees with trying every order."""

from collections.abc import Sequence
from itertools import chain, combinations, permutations
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.history import Answer, Call, Operation
from tests.chaos.linearizability.checker import Interval, contradiction
from tests.chaos.linearizability.item_model import Happening, Item, apply, written

OFFERED = Item("offered", None, frozenset({"ann", "bob"}))
CONFLICT = 409

Time = tuple[float, float]


def call(
    client: str,
    operation: Operation,
    time: Time,
    answer: Answer = Answer.OK,
    status: int = 200,
    seen: Item | None = None,
) -> Interval[Happening]:
    """One call on the item."""
    output = {"by": client} if operation is Operation.COMPLETE else None
    made = Call(client, operation, "c:1", *time, answer, status, "", output=output)
    return Interval(Happening(made, seen), time[0], inf if answer is Answer.UNKNOWN else time[1])


def test_a_claim_won_by_two_is_found() -> None:
    history = [call("ann", Operation.CLAIM, (1, 4)), call("bob", Operation.CLAIM, (2, 3))]
    found = contradiction(history, OFFERED, apply)
    assert found is not None
    assert len(found.order) == 1
    assert [each.call.operation for each in found.impossible] == [Operation.CLAIM]


def test_a_start_won_by_two_is_found() -> None:
    history = [call("ann", Operation.START, (1, 4)), call("bob", Operation.START, (2, 3))]
    assert contradiction(history, OFFERED, apply) is not None


def test_of_two_claims_at_once_one_may_be_refused_though_it_was_sent_first() -> None:
    history = [
        call("ann", Operation.CLAIM, (1, 4), Answer.REFUSED, CONFLICT),
        call("bob", Operation.CLAIM, (2, 3)),
    ]
    assert contradiction(history, OFFERED, apply) is None


def test_a_claim_refused_while_nobody_has_the_item_is_found() -> None:
    history = [
        call("ann", Operation.CLAIM, (1, 2), Answer.REFUSED, CONFLICT),
        call("bob", Operation.CLAIM, (3, 4)),
    ]
    assert contradiction(history, OFFERED, apply) is not None


def test_an_old_state_shown_after_a_newer_one_was_answered_is_found() -> None:
    history = [call("ann", Operation.CLAIM, (1, 2)), call("bob", Operation.READ, (3, 4), seen=OFFERED)]
    assert contradiction(history, OFFERED, apply) is not None


def test_a_completion_that_is_gone_is_found() -> None:
    started = Item("started", "ann", OFFERED.offered_to)
    history = [
        call("ann", Operation.START, (1, 2)),
        call("ann", Operation.COMPLETE, (3, 4)),
        call("bob", Operation.READ, (5, 6), seen=started),
    ]
    assert contradiction(history, OFFERED, apply) is not None


def test_a_call_without_an_answer_may_have_its_effect_late_or_never() -> None:
    unknown = call("ann", Operation.CLAIM, (1, 2), Answer.UNKNOWN, 0)
    taken = Item("allocated", "ann", OFFERED.offered_to)
    unseen, seen = (call("bob", Operation.READ, time, seen=item) for time, item in (((3, 4), OFFERED), ((5, 6), taken)))
    assert contradiction([unknown, unseen], OFFERED, apply) is None
    assert contradiction([unknown, unseen, seen], OFFERED, apply) is None
    assert contradiction([unseen, seen], OFFERED, apply) is not None


def test_the_repeat_of_a_completion_is_answered_like_the_first() -> None:
    history = [call("ann", Operation.START, (1, 2))]
    history += [call("ann", Operation.COMPLETE, time) for time in ((3.0, 4.0), (5.0, 6.0))]
    assert contradiction(history, OFFERED, apply) is None


@st.composite
def histories(draw: st.DrawFn) -> list[Interval[Happening]]:
    """Short histories of anything, mostly wrong ones."""
    history = []
    for _ in range(draw(st.integers(1, 5))):
        sent = draw(st.integers(0, 8))
        time = (float(sent), float(sent + draw(st.integers(1, 5))))
        client = draw(st.sampled_from(["ann", "bob"]))
        moves = (Operation.CLAIM, Operation.START, Operation.COMPLETE, Operation.READ)
        operation = draw(st.sampled_from(moves))
        answer = draw(st.sampled_from([Answer.OK, Answer.OK, Answer.REFUSED, Answer.UNKNOWN]))
        if operation is Operation.READ:
            state = draw(st.sampled_from(["offered", "allocated", "started", "completed"]))
            owner = None if state == "offered" else client
            output = written({"by": client}) if state == "completed" else None
            history.append(call(client, operation, time, seen=Item(state, owner, OFFERED.offered_to, output)))
        else:
            history.append(call(client, operation, time, answer, CONFLICT if answer is Answer.REFUSED else 200))
    return history


@given(histories())
def test_the_search_agrees_with_trying_every_order(history: list[Interval[Happening]]) -> None:
    assert (contradiction(history, OFFERED, apply) is None) == _some_order_fits(history)


def _some_order_fits(history: Sequence[Interval[Happening]]) -> bool:
    known = [each for each in history if each.answered_at < inf]
    unknown = [each for each in history if each.answered_at == inf]
    some = chain.from_iterable(combinations(unknown, count) for count in range(len(unknown) + 1))
    return any(_fits(order) for chosen in some for order in permutations([*known, *chosen]))


def _fits(order: Sequence[Interval[Happening]]) -> bool:
    state: Item | None = OFFERED
    for index, interval in enumerate(order):
        if any(later.answered_at < interval.sent_at for later in order[index + 1 :]):
            return False
        state = apply(state, interval.call) if state is not None else None
    return state is not None
