"""Soundness: what is found in nets that are not sound, by which firings, and that nothing is found in those that are.

What is found in nets made by chance is held against a search that knows nothing of reduction, and against the kernel.
"""

from collections import Counter, deque
from random import Random
from typing import Any

import msgspec
import pytest

from deploy.commands.gallery import ORDER_FULFILMENT, example
from engine.case import BUSY, CaseStatus
from engine.errors import Conflict
from engine.items.work_item import ItemState
from engine.net import coverability
from engine.net.marking import Due
from engine.net.state import NetState
from engine.spec.firings import MOST_SETS
from engine.spec.model import END, START, Join, Net, Specification, Split
from engine.spec.read import read_specification
from engine.spec.reduction import reduced
from engine.spec.soundness import Finding, Flaw, Soundness, check, check_specification
from engine.spec.state_space import explore
from engine.store.memory import MemoryStore
from tests.net_notation import net
from tests.patterns.played import Played
from tests.spec.random_nets import PLAIN, RICH, random_net

TRIGGER = {"trigger": {"name": "bell", "kind": "transient"}}


def found(specification: Specification) -> dict[Flaw, Finding]:
    """The first finding of each kind."""
    findings = check(specification.main).findings
    return {finding.flaw: finding for finding in reversed(findings)}


def steps(finding: Finding) -> list[str]:
    return [f"{firing.task} {firing.phase}" for firing in finding.trace]


# -- nets that are not sound, each with a shortest sequence that shows it ----------------------------------------------


def test_a_choice_that_is_joined_by_and_deadlocks() -> None:
    specification = net("i -> A -> xor(B!, C) -> and:D -> o")
    flaws = found(specification)
    assert set(flaws) == {Flaw.DEADLOCK, Flaw.DEAD_TASK}
    assert steps(flaws[Flaw.DEADLOCK]) == ["A fires", "C fires"]
    assert flaws[Flaw.DEADLOCK].tokens == (("C>D", 1),)
    assert flaws[Flaw.DEAD_TASK].about == ("D",)


def test_parallel_branches_that_are_joined_by_xor_leave_something_behind() -> None:
    flaws = found(net("i -> A -> and(B!, C*) -> xor:D -> o"))
    assert set(flaws) == {Flaw.IMPROPER_COMPLETION}
    improper = flaws[Flaw.IMPROPER_COMPLETION]
    assert len(improper.trace) == 4
    assert steps(improper) == ["A fires", "B starts", "B completes", "D fires"]
    assert improper.about == ("A>C",)


def test_work_that_is_still_running_at_the_end_is_left_too() -> None:
    # C can only be late if it has started before B lets the case end.
    flaws = found(
        net("i -> A -> and(B!, p) ; B -> o ; p -> C! -> o", B={"cancels": ["p"]}, C={"cancels": ["B", "A>B"]})
    )
    assert steps(flaws[Flaw.IMPROPER_COMPLETION]) == ["A fires", "B starts", "C starts", "B completes"]
    assert flaws[Flaw.IMPROPER_COMPLETION].running == (("C", 1),)


def test_a_loop_that_cannot_be_left_goes_round_for_ever() -> None:
    flaws = found(net("i -> A -> xor(p, q); p -> choice(Y! -> p, and:X); q -> X -> o"))
    assert set(flaws) == {Flaw.DEADLOCK, Flaw.LIVELOCK, Flaw.DEAD_TASK}
    assert steps(flaws[Flaw.LIVELOCK]) == ["A fires"] and flaws[Flaw.LIVELOCK].tokens == (("p", 1),)
    assert flaws[Flaw.DEADLOCK].tokens == (("q", 1),)


def test_a_loop_that_makes_a_token_each_time_is_unbounded() -> None:
    flaws = found(net("i -> A -> p -> B -> xor(C, D) ; C -> and(p, q) ; q -> and:E -> o ; D -> E"))
    unbounded = flaws[Flaw.UNBOUNDED]
    assert steps(unbounded) == ["A fires", "B fires", "C fires"]
    assert unbounded.about == ("q",)
    assert "without end" in unbounded.message


def test_tokens_without_end_are_told_from_many_that_are_meant() -> None:
    many = net("i -> A -> B! -> C -> o", A={"split": {"threads": 30}}, C={"join": {"threads": 30}})
    assert check(many.main, 100).findings == ()
    loop = "i -> A -> p -> B -> xor(C, D) ; C -> and(p, q) ; q -> and:E -> o ; D -> E"
    unbounded = found(net(loop, D={"cancels": ["B"]}))[Flaw.UNBOUNDED]
    assert "probably no end" in unbounded.message


def test_a_partial_join_that_gets_too_few_branches_deadlocks() -> None:
    specification = net("i -> A -> xor(B, C, D!) -> E -> o", E={"join": {"partial": 2}})
    [deadlock, dead] = check(specification.main).findings
    assert steps(deadlock) == ["A fires", "B fires"]
    assert dead.about == ("E",)
    assert check(specification.main).story()[-4:-2] == [
        "  nothing can happen any more: a token between B and E",
        "  E needs tokens of 2 branches, and has 1",
    ]


def test_a_join_of_threads_that_gets_too_few_deadlocks() -> None:
    flaws = found(net("i -> A -> B! -> C -> o", A={"split": {"threads": 2}}, C={"join": {"threads": 3}}))
    assert set(flaws) == {Flaw.DEADLOCK, Flaw.DEAD_TASK}
    assert flaws[Flaw.DEADLOCK].tokens == (("B>C", 2),)
    assert len(flaws[Flaw.DEADLOCK].trace) == 5


def test_a_region_can_take_what_a_join_waits_for() -> None:
    flaws = found(net("i -> A -> and(B!, C!) -> D -> o", C={"cancels": ["B", "A>B", "B>D"]}))
    assert set(flaws) == {Flaw.DEADLOCK, Flaw.DEAD_TASK}
    assert steps(flaws[Flaw.DEADLOCK]) == ["A fires", "C starts", "C completes"]


def test_only_what_runs_is_lost_where_a_region_has_the_task_alone() -> None:
    flaws = found(net("i -> A -> and(B!, C) -> D -> o", C={"cancels": ["B"]}))
    assert set(flaws) == {Flaw.DEADLOCK}
    assert steps(flaws[Flaw.DEADLOCK]) == ["A fires", "B starts", "C fires"]


def test_or_joins_that_wait_for_each_other_deadlock() -> None:
    crossed = "i -> A -> and(B, C) ; B -> or:X -> xor(Y, P) ; C -> or:Y -> xor(X, Q) ; and(P, Q) -> Z -> o"
    flaws = found(net(crossed))
    assert steps(flaws[Flaw.DEADLOCK]) == ["A fires", "B fires", "C fires"]
    assert check(net(crossed).main).story()[4:][:2] == [
        "  nothing can happen any more: a token between B and X and a token between C and Y",
        "  X has no token between Y and X",
    ]


def test_with_implicit_termination_what_waits_for_ever_is_a_deadlock() -> None:
    flaws = found(net("i -> A -> and(B, C) ; B -> xor(D, E) ; and(C, D) -> F", implicit=True))
    assert set(flaws) == {Flaw.DEADLOCK}
    assert steps(flaws[Flaw.DEADLOCK]) == ["A fires", "B fires", "C fires", "E fires"]


def test_what_is_found_tells_its_story() -> None:
    assert check(net("i -> A! -> xor(B*, C) -> and:D -> o").main).story() == [
        "nets.main: a case can deadlock",
        "  1. A starts",
        "  2. A completes and goes on to C",
        "  3. C fires",
        "  nothing can happen any more: a token between C and D",
        "  D has no token between B and D",
        "nets.main: a task is dead",
        "  D can never start",
    ]
    assert check(net("i -> A! -> xor(B*, C) -> and:D -> o").main).warnings() == [
        "nets.main: a case can deadlock: after A, C: nothing can happen any more: a token between C and D",
        "nets.main: a task is dead: D can never start",
    ]


# -- nets that are sound -----------------------------------------------------------------------------------------------

SOUND: dict[str, Specification] = {
    "a sequence": net("i -> A! -> B* -> C -> o"),
    "branches": net("i -> A -> and(B! -> E, C* -> F, D) -> G -> o"),
    "a choice": net("i -> A -> xor(B!, C* -> D) -> E -> o"),
    "some branches": net("i -> A -> or(B! -> E, C*, D) -> F -> o"),
    "branches and a choice": net("i -> A -> and(B!, C) ; B -> xor(D, E) -> F ; and(F, C) -> G -> o"),
    "a loop with two entries": net("i -> A -> xor(p, q) ; p -> B! -> q -> C! -> xor(p, D) ; D -> o"),
    "a deferred choice": net("i -> A -> p -> choice(B! -> D, C -> E) -> F -> o", C=TRIGGER),
    "branches that stop each other": net(
        "i -> A -> and(B!, C!) -> o", B={"cancels": ["C", "A>C"]}, C={"cancels": ["B", "A>B"]}
    ),
    "a region that holds the place a token is given to": net(
        "i -> A -> and(B!, C!) ; B -> p ; C -> p ; p -> D -> o",
        B={"cancels": ["C", "A>C", "p"]},
        C={"cancels": ["B", "A>B", "p"]},
    ),
    "a milestone": net("i -> A -> and(B, p) ; B -> C! -> q ; p -> choice(D, and:E) ; D -> p ; q -> E -> o"),
    "a mutex": net("i -> A -> and(B! -> D!, C! -> E!) -> F -> o", B={"mutex": "m"}, E={"mutex": "m"}, C={"mutex": "m"}),
    "a discriminator that stops the others": net(
        "i -> A -> and(B!, C!, D!) -> E! -> o",
        E={"join": {"partial": 1, "resets": ["A>B", "A>C", "A>D", "B", "C", "D"]}},
    ),
    "a partial join of all branches": net("i -> A -> and(B!, C!) -> E! -> o", E={"join": {"partial": 2}}),
    "threads": net("i -> A -> B! -> C -> o", A={"split": {"threads": 3}}, C={"join": {"threads": 3}}),
    "instances": net("i -> A -> B -> C -> o", B={"kind": "human", "instances": {"count": 3, "threshold": 2}}),
    "instances completed by force": net(
        "i -> A -> and(B, C!) -> D -> o", B={"kind": "human", "instances": {"count": 3}}, C={"completes": ["B"]}
    ),
    "a loop of one task": net("i -> A! -> B* -> o", A={"loop": {"until": "go == 'x'"}}),
    "paths that just end": net("i -> A -> and(B!, C -> xor(D, E))", implicit=True),
    "an order": read_specification(example(ORDER_FULFILMENT)),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_net_is_sound(name: str) -> None:
    for each in check_specification(SOUND[name]):
        assert each.sound, each.story()
    for main in SOUND[name].nets.values():
        assert _flaws(main) == set(), "without reduction"


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_a_bound_that_is_reached_is_said() -> None:
    waits: Any = {f"T{number}": {"mutex": f"m{number}"} for number in range(6)}
    parallel = net(f"i -> A -> and({', '.join(f'{task}!' for task in waits)}) -> B -> o", **waits)
    checked = check(parallel.main, 100)
    assert not checked.findings and not checked.whole and not checked.sound
    assert "not every state was visited, only 1" in checked.story()[0]
    assert checked.warnings() == checked.story()
    assert check(parallel.main).sound


def test_an_or_join_that_cannot_be_decided_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("EASY_MARKINGS", "MOST_MARKINGS", "MOST_VISITED"):
        monkeypatch.setattr(coverability, bound, 0)
    drawing = net(
        "i -> A -> or(B! -> xor:L, C! -> xor:M, K!) ; L -> J ; M -> D! -> xor(M, J) ; K -> J ; J -> o", J={"join": "or"}
    )
    checked = check(drawing.main)
    assert [note for note in checked.notes if note.endswith("whether J must wait: it waits there")]


def test_an_or_split_with_too_many_sets_of_ways_is_said_and_the_rest_is_looked_at() -> None:
    width = MOST_SETS.bit_length() + 1
    wide = net(f"i -> A -> and(X, Y) ; X -> or({', '.join(f'T{n}!' for n in range(width))}) -> B ; xor:Y -> B ; B -> o")
    checked = check(wide.main)
    assert any("split of X has too many sets" in note for note in checked.notes)
    assert not checked.sound


def test_the_nets_of_a_specification_share_the_bound() -> None:
    waits: Any = {f"T{number}": {"mutex": f"m{number}"} for number in range(6)}
    one = net(f"i -> A -> and({', '.join(f'{task}!' for task in waits)}) -> B -> o", **waits)
    nets = {f"n{number}": one.main for number in range(4)}
    checked = check_specification(Specification(one.id, one.version, "n0", nets, one.document), 2_000)
    assert sum(each.states for each in checked) < 3_200
    assert [each.whole for each in checked] == [True, True, False, False] or not checked[-1].whole


def test_what_only_the_reduced_net_is_small_enough_to_show_is_shown_shortened() -> None:
    # The branches have more states than may be visited; reduced they have one, and what comes after them is reached.
    branches = ", ".join(f"B{number}! -> C{number}! -> D{number}!" for number in range(6))
    late = net(f"i -> A -> and({branches}) -> E -> xor(F, G) -> and:H! -> I -> o")
    checked = check(late.main, 500)
    deadlock = next(each for each in checked.findings if each.flaw is Flaw.DEADLOCK)
    assert deadlock.shortened and deadlock.trace[-1].task in ("E", "F", "G")
    assert "  (steps that change nothing are left out)" in checked.story()


# -- nets made by chance -----------------------------------------------------------------------------------------------

NAIVE_BOUND = 1_500


def _flaws(main: Net) -> set[Flaw]:
    """What an exploration of the whole net shows."""
    return {finding.flaw for finding in _whole(main).findings}


def _whole(main: Net) -> Soundness:
    from engine.spec import soundness

    space = explore(main, 5_000)
    return Soundness(main, tuple(soundness._findings(space)), len(space.states), space.whole)


Marking = frozenset[tuple[str, int]]


class Naive:
    """A Petri net of and and xor, with a place for each running task: explored by the textbook, and nothing else."""

    def __init__(self, main: Net) -> None:
        self.steps: list[tuple[str, Counter[str], Counter[str]]] = []
        for task in main.tasks.values():
            running = f"running {task.name}"
            at_once = task.kind == "routing"
            takes = [Counter(task.inputs)] if task.join is Join.AND else [Counter([each]) for each in task.inputs]
            places = [flow.place for flow in task.flows]
            gives = (
                [Counter(places)] if task.split is Split.AND else [Counter([each]) for each in dict.fromkeys(places)]
            )
            if at_once:
                self.steps += [(task.name, taken, given) for taken in takes for given in gives]
            else:
                self.steps += [(task.name, taken, Counter([running])) for taken in takes]
                self.steps += [(task.name, Counter([running]), given) for given in gives]
        self.depth: dict[Marking, int] = {}
        self.after: dict[Marking, set[Marking]] = {}
        self.fired: set[str] = set()
        self.explore(frozenset({(START, 1)}))

    def explore(self, begin: Marking) -> None:
        self.depth[begin] = 0
        waiting = deque([begin])
        while waiting and len(self.depth) < NAIVE_BOUND:
            marking = waiting.popleft()
            counts = Counter(dict(marking))
            self.after[marking] = set()
            for task, taken, given in self.steps if not counts[END] else ():
                if all(counts[place] >= count for place, count in taken.items()):
                    following = frozenset((counts - taken + given).items())
                    self.fired.add(task)
                    self.after[marking].add(following)
                    if following not in self.depth:
                        self.depth[following] = self.depth[marking] + 1
                        waiting.append(following)
        self.finite = not waiting

    def shortest(self, main: Net) -> dict[Flaw, int]:
        """How many firings each kind of flaw takes to show; dead tasks take none."""
        complete = {marking for marking in self.depth if (END, 1) in marking or dict(marking).get(END, 0) > 1}
        dead = {marking for marking, after in self.after.items() if not after} - complete
        hopeful = complete | dead
        while fresh := {marking for marking, after in self.after.items() if after & hopeful} - hopeful:
            hopeful |= fresh
        states = {
            Flaw.DEADLOCK: dead,
            Flaw.LIVELOCK: set(self.depth) - hopeful,
            Flaw.IMPROPER_COMPLETION: {marking for marking in complete if sum(dict(marking).values()) > 1},
        }
        found = {flaw: min(self.depth[each] for each in shown) for flaw, shown in states.items() if shown}
        return found | ({Flaw.DEAD_TASK: 0} if set(main.tasks) - self.fired else {})


@pytest.mark.parametrize("block", range(8))
def test_plain_nets_by_chance_have_the_flaws_that_the_textbook_finds_as_soon(block: int) -> None:
    compared = 0
    for seed in range(block * 25, (block + 1) * 25):
        main = random_net(seed, PLAIN).main
        if main.or_joins or any(task.split is Split.OR for task in main.tasks.values()):
            continue
        naive, checked = Naive(main), check(main)
        findings = {finding.flaw: finding for finding in reversed(checked.findings)}
        if naive.finite:
            expected = naive.shortest(main)
            assert {flaw: len(finding.trace) for flaw, finding in findings.items()} == expected, seed
            compared += 1
    assert compared > 5


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("block", range(6))
def test_a_reduced_net_has_a_flaw_exactly_when_the_whole_one_has(block: int, implicit: bool) -> None:
    for seed in range(1000 + block * 30, 1000 + (block + 1) * 30):
        main = random_net(seed, RICH, implicit=implicit).main
        whole = explore(main, 3_000)
        if whole.bound_reached:
            continue
        smaller = reduced(main)
        space = explore(smaller.net, 3_000, begin_in=smaller.begin_in)
        assert len(space.states) <= len(whole.states)
        assert bool(_flaws(main)) == bool(check(main).findings), seed


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("block", range(5))
def test_wherever_a_case_comes_to_rest_is_a_state_that_was_visited(block: int, implicit: bool) -> None:
    for seed in range(block * 20, (block + 1) * 20):
        specification = random_net(seed, RICH, implicit=implicit)
        space = explore(specification.main, 4_000)
        if not space.whole:
            continue
        states = {_known(state): number for number, state in enumerate(space.states)}
        for number in play(specification, Random(seed), states):
            assert number is None or space.is_dead(number), f"seed {seed}: it could have gone on"


def play(specification: Specification, chance: Random, states: dict[Any, int]) -> list[int | None]:
    """Plays two cases, as people would who know nothing. Gives the state of those that deadlocked."""
    ends: list[int | None] = []
    for _ in range(2):
        clock = iter(range(1_700_000_000_000, 1_800_000_000_000))
        store = MemoryStore(2, lambda ticks=clock: next(ticks))  # type: ignore[misc]
        names = [*specification.main.tasks, "end"]

        def ways(names: list[str] = names) -> str:
            return "".join(f"{name}," for name in names if chance.random() < 0.4)

        case = Played.started(store, lambda: None, specification, {"go": ways()})
        for _ in range(40):
            if case.status not in (CaseStatus.RUNNING, CaseStatus.DEADLOCKED):
                break
            stands = _known(_state_of(case))
            assert stands in states, f"{case.marking} was not visited: {case.noted}"
            if case.status is CaseStatus.DEADLOCKED:
                ends.append(states[stands])
                break
            _do_something(case, store, chance, ways())
        else:
            ends.append(None)
    return ends


def _do_something(case: Played, store: MemoryStore, chance: Random, go: str) -> None:
    items = [item for item in store.items_of(case.id) if item.state in (ItemState.STARTED, ItemState.OFFERED)]
    for item in chance.sample(items, len(items)):
        try:
            case.complete(item.id, go=go) if item.state is ItemState.STARTED else case.start_item(item.id)
        except Conflict:
            continue  # Its mutex is held by another.
        return
    raise AssertionError("nobody can do anything")


def _state_of(case: Played) -> NetState:
    busy = Counter(run.task for run in case.case.runs.values() if run.state in BUSY)
    main = case.specification.main
    marking = {place: count for place, count in case.marking.items() if place != END}
    due: dict[str, Due] = dict(case.case.due)
    return NetState(main, marking, due, dict(busy))


def _known(state: NetState) -> Any:
    due = {task: tuple(left) if isinstance(left, list) else left for task, left in state.due.items()}
    return frozenset(state.marking.items()), frozenset(state.busy.items()), frozenset(due.items())


def test_a_task_that_compensates_another_one_is_not_dead() -> None:
    tasks = {
        "book": {"kind": "automated", "connector": "echo", "compensation": "unbook", "next": "end"},
        "unbook": {"kind": "automated", "connector": "echo"},
    }
    document = {"specification": "saga", "version": "1", "nets": {"main": {"start": "book", "tasks": tasks}}}
    [checked] = check_specification(read_specification(msgspec.json.encode(document).decode()))
    assert checked.whole and checked.findings == ()
