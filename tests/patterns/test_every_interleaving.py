"""Small nets, explored exhaustively: whatever the order of up to three events, the case is where the token game is.

At every state that a case of the net can reach, all that people can do then is done in every order, three deeds one
after another, also those that another one has made impossible meanwhile. After each, the kernel's tokens, runs and
items are those of `token_game`, and it takes or refuses the event as that does.
"""

from collections import deque
from collections.abc import Iterator
from itertools import permutations
from typing import NamedTuple

import pytest

from engine.case import BUSY, Case, CaseStatus, RunState
from engine.effects import Append, AskClaims, Distribute, SettleItem
from engine.errors import Conflict
from engine.events import (
    CaseCancelled,
    CaseSubmitted,
    ClaimsAnswered,
    Distributed,
    Event,
    ItemCompleted,
    ItemStarted,
)
from engine.names import item_id
from engine.spec.model import END, Specification
from engine.step import step
from engine.submission import submission
from tests.net_notation import net
from tests.patterns.or_join_reference import State
from tests.patterns.token_game import Game, is_complete

AT = 1_700_000_000_000
TOGETHER = 3
"""Events that arrive at once."""

MOST_STATES = 500
"""A net with more states is too large for this."""

JOINED = "i -> A! -> and(B!, C!, D!) -> E! -> F! -> o"
NETS: dict[str, Specification] = {
    "sequence": net("i -> A! -> B! -> C! -> o"),
    "parallel split": net("i -> A! -> and(B!, C!, D!) -> E! -> o"),
    "exclusive choice": net("i -> A! -> xor(B!, C!) -> D! -> o"),
    "multi-choice": net("i -> A! -> or(B!, C!, D!) -> E! -> o"),
    "multi-merge": net("i -> A! -> and(B!, C!) -> xor:D! -> E! -> o"),
    "deferred choice": net("i -> A! -> p -> choice(B!, C!, D!) -> E! -> o"),
    "rivals for two conditions": net("i -> A! -> and(p, q); p -> choice(B!, C!) -> E! -> o; q -> choice(C, D!); D -> E",
        C={"join": "and"}, E={"join": "xor"}),
    "loop": net("i -> A! -> B! -> xor(A, C!); C -> o"),
    "loop with a parallel branch": net("i -> A! -> and(B!, C!); B -> xor(B, D!); C -> D -> o", D={"join": "and"}),
    "generalized and-join": net("i -> A! -> and(B!, C!) -> xor:D! -> E! -> o; A -> F! -> E", E={"join": "and"}),
    "discriminator": net(JOINED, E={"join": {"partial": 1}}),
    "partial join": net(JOINED, E={"join": {"partial": 2}}),
    "blocking partial join": net(JOINED, E={"join": {"partial": 2, "blocks": True}}),
    "cancelling partial join": net(JOINED, E={"join": {"partial": 2, "resets": ["B", "C", "D"]}}),
    "cancelling region": net(JOINED, C={"cancels": ["B", "D", "D>E"]}, E={"join": "or"}),
    "mutex": net("i -> A! -> and(B!, C!, D!) -> E! -> o", B={"mutex": "m"}, C={"mutex": "m"}, D={"mutex": "m"}),
    "threads": net("i -> A! -> B! -> C! -> o", A={"split": {"threads": 3}}, C={"join": {"threads": 3}}),
    "milestone": net("i -> A! -> and(B!, m); m -> M! -> m; B -> C!; m -> C; C -> o", C={"join": "and"}),
    "or-join after a loop": net("i -> A! -> or(B!, C!); B -> xor(B, E!); C -> E; E -> o", E={"join": "or"}),
    "two or-joins": net("i -> A! -> and(B!, C!); B -> or(E!, F!); C -> or(E, F); E -> G!; F -> G; G -> o",
        E={"join": "or"}, F={"join": "or"}, G={"join": "or"}),
}  # fmt: skip


class Point(NamedTuple):
    """Where the kernel and the game stand: the same state, and the numbers of items and runs, oldest first."""

    case: Case
    state: State
    items: dict[str, list[int]]
    runs: dict[str, list[int]]

    @property
    def ended(self) -> bool:
        return self.case.status not in (CaseStatus.RUNNING, CaseStatus.DEADLOCKED)


class Deed(NamedTuple):
    """Something people do: they start an item, or complete it with what its task's choice needs, or cancel the case."""

    task: str = ""
    number: int = 0
    go: str | None = None


class Explorer:
    """One net, explored by the kernel and by the game side by side."""

    def __init__(self, specification: Specification) -> None:
        self._specification = specification
        self._game = Game(specification.main)
        self.points: dict[State, Point] = {}

    def explore(self) -> None:
        """Visits every state; the events of each are sent from each."""
        first = self._begun()
        self.points = {first.state: first}
        waiting = deque([first])
        while waiting:
            point = waiting.popleft()
            assert len(self.points) <= MOST_STATES, "too large a net"
            deeds = list(self._deeds(point))
            for some in permutations(deeds, min(TOGETHER, len(deeds))):
                for reached in self._done_in_order(point, some):
                    if not reached.ended and reached.state not in self.points:
                        self.points[reached.state] = reached
                        waiting.append(reached)

    def _done_in_order(self, point: Point, deeds: tuple[Deed, ...]) -> Iterator[Point]:
        for deed in deeds:
            point = self._after(point, deed)
            yield point

    def _begun(self) -> Point:
        stub = submission(self._specification, "c", {}, by="ann", correlation_id="", at=AT).stub
        case, _ = self._taken(stub, CaseSubmitted({}, "ann"))
        return self._point(case, {State((("start", 1),), ())}, {}, {})

    def _deeds(self, point: Point) -> Iterator[Deed]:
        for task, numbers in point.items.items():
            yield from (Deed(task, number) for number in numbers)
        for task, numbers in point.runs.items():
            yield from (Deed(task, number, go) for number in numbers for go in self._game.choices(task))
        yield Deed()

    def _after(self, point: Point, deed: Deed) -> Point:
        """Where both are after a deed; both must have taken it, or both refused it."""
        if not deed.task:
            case, _ = self._taken(point.case, CaseCancelled("ann"))
            assert case.status is (point.case.status if point.ended else CaseStatus.CANCELLED)
            return Point(case, State((), ()), {}, {}) if not point.ended else point._replace(case=case)
        return self._started(point, deed) if deed.go is None else self._completed(point, deed, deed.go)

    def _started(self, point: Point, deed: Deed) -> Point:
        waits = deed.number in point.items.get(deed.task, ())
        expected = self._game.starts(deed.task, point.state) if waits else set()
        try:
            case, _ = self._taken(point.case, ItemStarted(item_id("c", deed.number), "ann"))
        except Conflict:
            assert not expected, f"{deed} was refused at {point.state}"
            return point
        assert expected, f"{deed} was possible at {point.state}"
        items = _without(point.items, deed)
        runs = {**point.runs, deed.task: sorted([*point.runs.get(deed.task, ()), deed.number])}
        return self._point(case, expected, items, runs)

    def _completed(self, point: Point, deed: Deed, go: str) -> Point:
        case, applied = self._taken(point.case, ItemCompleted(item_id("c", deed.number), {"go": go}, "ann", AT))
        runs = deed.number in point.runs.get(deed.task, ())
        assert applied == runs, f"{deed} at {point.state}"
        if not runs:
            return point._replace(case=case)
        expected = self._game.completions(deed.task, point.state, go)
        return self._point(case, expected, point.items, _without(point.runs, deed))

    def _point(
        self, case: Case, expected: set[State], items: dict[str, list[int]], runs: dict[str, list[int]]
    ) -> Point:
        """Where the kernel stands, once it is shown that the game may stand there too."""
        state = _state_of(case)
        if case.status is CaseStatus.COMPLETED:
            assert any(is_complete(each) for each in expected), f"{state} is no end"
            return Point(case, state, {}, {})
        assert state in expected, f"{state} is none of {expected}"
        busy = dict(state.busy)
        left = {task: numbers for task, numbers in runs.items() if busy.get(task)}
        assert _numbers(case, BUSY) == left, "other runs are under way"
        offered = _numbers(case, frozenset({RunState.ENABLED}))
        for task in self._specification.main.tasks:
            before, now = items.get(task, []), offered.get(task, [])
            assert len(now) == self._game.times(task, state), f"{len(now)} items of {task} at {state}"
            assert now[: len(before)] == before[: len(now)], "not the newest items were withdrawn"
        at_rest = not offered and not busy
        assert case.status is (CaseStatus.DEADLOCKED if at_rest else CaseStatus.RUNNING)
        return Point(case, state, offered, left)

    def _taken(self, case: Case, event: Event) -> tuple[Case, bool]:
        """The case after an event and all that follow from it; and whether the event's item was applied."""
        applied = False
        following = deque([event])
        while following:
            given = repr(case)
            done = step(self._specification, case, following.popleft(), AT)
            assert repr(case) == given, "a step leaves the case it is given as it is"
            case = done.case
            for effect in done.effects:
                if isinstance(effect, Append):
                    following.append(effect.event)
                elif isinstance(effect, AskClaims):
                    following.append(ClaimsAnswered(effect.task, ()))
                elif isinstance(effect, Distribute):
                    following.append(Distributed(effect.item, ("ann",)))
                elif isinstance(effect, SettleItem):
                    applied = effect.applied
        return case, applied


def _without(numbers: dict[str, list[int]], deed: Deed) -> dict[str, list[int]]:
    return {**numbers, deed.task: [number for number in numbers[deed.task] if number != deed.number]}


def _numbers(case: Case, states: frozenset[RunState]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, run in sorted(case.runs.items()):
        if run.state in states:
            found.setdefault(run.task, []).append(number)
    return found


def _state_of(case: Case) -> State:
    busy = {task: len(numbers) for task, numbers in _numbers(case, BUSY).items()}
    due = {task: tuple(left) if isinstance(left, list) else left for task, left in case.due.items()}
    marking = {place: count for place, count in case.marking.items() if place != END}
    return State(tuple(sorted(marking.items())), tuple(sorted(busy.items())), tuple(sorted(due.items())))


@pytest.mark.parametrize("name", NETS)
def test_the_case_is_where_the_token_game_is(name: str) -> None:
    explorer = Explorer(NETS[name])
    explorer.explore()
    assert len(explorer.points) > 2
