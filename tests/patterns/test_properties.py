"""Facts that hold for every net, tried on nets and orders of events that are left to chance."""

from collections import Counter
from contextlib import suppress
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.case import BUSY, CaseStatus, Run, RunState
from engine.errors import Conflict
from engine.events import CallAnswered, CaseCancelled, CaseResumed, CaseSuspended, Event, ItemCompleted
from engine.executions import execution_of
from engine.items.work_item import ItemState
from engine.names import item_id, number_of
from engine.net import joins
from engine.net.state import NetState
from engine.spec.model import Join, Kind, Net, Split, Task
from tests.patterns.block_nets import PLAIN, REPEATED, SEVERAL, Block, blocks, compiled, disturbed, drawn
from tests.patterns.chance_player import ChancePlayer, begun, tree
from tests.patterns.played import Played

WORDS = ("seq", "and", "xor", "or", "choice", "loop")
JOINED = st.builds(Block, kind=st.sampled_from(["human", "automated", "composite"]), instances=st.integers(0, 3))
MOST_MOVES = 60

seeds = st.integers(0, 2**32)


def examples(number: int) -> settings:
    """So many examples, the same ones each time."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=number, deadline=None, derandomize=True, database=None, suppress_health_check=slow)


def net_of(case: Played) -> Net:
    return case.specification.nets[case.case.net]


# -- what holds in every state -----------------------------------------------------------------------------------------


def check_consistency(case: Played) -> None:
    """What a case has out belongs to what runs in it, and what runs has something out."""
    runs = case.case.runs
    assert not case.case.ended or not (case.live or case.called or runs)
    for item in case.live:
        assert execution_of(case.case, number_of(item.id)) is not None, f"{item.id} belongs to nobody"
    for task in case.called:
        for call in case.calls(task):
            assert execution_of(case.case, number_of(call)) is not None, f"{call} belongs to nobody"
    for child in case.children():
        if not child.case.ended:
            assert execution_of(case.case, number_of(child.id.replace(".", ":"))) is not None, f"{child.id} is lost"
    for number, run in runs.items():
        assert run.state in BUSY | {RunState.ENABLED, RunState.RELEASED}, "what has ended is cleared away"
        assert _has_something_out(case, number, run), f"run {number} of {run.task} waits for nothing"
    for number in case.case.held.values():
        assert runs[number].state in BUSY, "a mutex is held by who does nothing"


def _has_something_out(case: Played, number: int, run: Run) -> bool:
    numbers = [number]
    if run.instances is not None:
        numbers = [run.instances.number(index) for index in range(run.instances.created)]
    out = {item.id for item in case.live} | {call for task in case.called for call in case.calls(task)}
    out |= {child.id.replace(".", ":") for child in case.children() if not child.case.ended}
    return any(item_id(case.id, each) in out for each in numbers)


def check_waiting_items(case: Played) -> None:
    """As many runs of a person's task wait as it could be taken in succession."""
    if case.status is not CaseStatus.RUNNING:
        return
    for task in net_of(case).tasks.values():
        if task.kind is Kind.HUMAN and (task.instances is None or task.instances.awaited):
            waiting = [
                n for n, run in case.case.runs.items() if run.task == task.name and run.state is RunState.ENABLED
            ]
            assert len(waiting) == _times(case, task), f"{task.name} waits {len(waiting)} times"


def _times(case: Played, task: Task) -> int:
    """How often a task could be taken, counted apart from the engine except for or-joins."""
    tokens = [case.marking.get(place, 0) for place in task.inputs]
    if task.join is Join.OR:
        busy = Counter(run.task for run in case.case.runs.values() if run.state in BUSY)
        return joins.times(task, NetState(net_of(case), dict(case.marking), {}, dict(busy)))
    return min(tokens) if task.join is Join.AND else sum(tokens)


def play_checked(player: ChancePlayer, most_moves: int) -> None:
    for _ in range(most_moves):
        for case in tree(player.case):
            check_consistency(case)
            check_waiting_items(case)
        if not player.move():
            return


# ----------------------------------------------------------------------------------------------------------------------


@examples(60)
@given(blocks(WORDS, st.one_of(PLAIN, SEVERAL, REPEATED), leaves=7), seeds)
def test_what_is_made_of_blocks_completes_whatever_the_order(block: Block, seed: int) -> None:
    player = ChancePlayer(begun(compiled(drawn(block))), Random(seed), seed)
    play_checked(player, 400)
    assert player.case.status is CaseStatus.COMPLETED
    player.case.check_replay()


@examples(40)
@given(blocks(WORDS, PLAIN, leaves=8), seeds, st.integers(1, 5))
def test_in_any_net_as_many_items_wait_as_the_task_could_be_taken_in_succession(
    block: Block, seed: int, changes: int
) -> None:
    chance = Random(seed)
    specification = compiled(disturbed(drawn(block), chance, changes, regions=False))
    player = ChancePlayer(begun(specification), chance, seed)
    play_checked(player, chance.randrange(MOST_MOVES))
    case = player.case
    if case.status is CaseStatus.RUNNING and case.offered:
        task = chance.choice(case.offered)
        for _ in range(case.offered.count(task)):
            case.start(task)
        assert task not in case.offered
    case.check_replay()


@examples(40)
@given(blocks(WORDS, st.one_of(PLAIN, JOINED, REPEATED), leaves=8), seeds, st.integers(2, 6))
def test_nothing_of_a_cancelled_task_lives(block: Block, seed: int, changes: int) -> None:
    chance = Random(seed)
    specification = compiled(disturbed(drawn(block), chance, changes, regions=True))
    player = ChancePlayer(begun(specification), chance, seed)
    for _ in range(MOST_MOVES):
        check_consistency(player.case)
        before, entries = _executing(player.case), len(player.case.journal)
        if not player.move():
            break
        cancelled = _cancelled(player.case, entries)
        alive = _executing(player.case)
        for execution, (task, run) in before.items():
            if any(run != by for by in cancelled.get(task, ())):
                assert execution not in alive, f"{execution} of {task} has outlived its cancellation"
    player.case.check_replay()


def _executing(case: Played) -> dict[str, tuple[str, int]]:
    """What is under way in a case: items, calls and cases below, each with its task and the number of its run."""
    found: dict[str, tuple[str, int]] = {}
    out = [item.id for item in case.live if item.state is ItemState.STARTED]
    out += [call for task in case.called for call in case.calls(task)]
    out += [child.id.replace(".", ":") for child in case.children() if not child.case.ended]
    for each in out:
        execution = execution_of(case.case, number_of(each))
        assert execution is not None
        found[each] = (execution.run.task, execution.number)
    return found


def _cancelled(case: Played, entries: int) -> dict[str, list[int]]:
    """The tasks that were cancelled since an entry of the journal, each with the runs that have done so."""
    runs = {note.number for entry in case.journal for note in entry.notes if note.what in ("fired", "repeated")}
    found: dict[str, list[int]] = {}
    for entry in case.journal[entries:]:
        for note in entry.notes:
            task = net_of(case).tasks.get(note.task)
            # An instance that has completed is noted with a number of its own.
            completed = note.what == "completed" and note.number in runs or (note.what == "fired" and note.number == 0)
            if completed and task is not None and task.cancels is not None and task.loop is None:
                for name in task.cancels.tasks:
                    found.setdefault(name, []).append(note.number)
    return found


# -- the order of what happens at the same time ------------------------------------------------------------------------

CONFLUENT = ("seq", "and", "xor", "or", "loop")


@examples(40)
@given(blocks(CONFLUENT, st.one_of(PLAIN, JOINED, REPEATED), leaves=8), seeds, seeds)
def test_the_order_of_what_happens_at_the_same_time_changes_nothing_in_the_end(
    block: Block, seed: int, other: int
) -> None:
    specification = compiled(drawn(block))
    ends = []
    for order in (seed, other):
        player = ChancePlayer(begun(specification), Random(order), seed=seed)
        assert player.play()
        case = player.case
        ends.append((case.status, case.case.data, Counter(case.fired)))
        case.check_replay()
    assert ends[0] == ends[1] and ends[0][0] is CaseStatus.COMPLETED


@examples(40)
@given(blocks(WORDS, st.one_of(PLAIN, SEVERAL, REPEATED), leaves=8), seeds, st.booleans())
def test_whatever_happens_at_the_same_moment_a_case_comes_to_its_end(block: Block, seed: int, cancels: bool) -> None:
    chance = Random(seed)
    case = begun(compiled(drawn(block)))
    last = chance.randrange(10) if cancels else MOST_MOVES
    for moment in range(MOST_MOVES):
        for each in tree(case):
            check_consistency(each)
        if case.case.ended:
            break
        _let_begin(case, chance)
        events = [event for event in _outcomes(case) if chance.random() < 0.7]
        if chance.random() < 0.3:
            events += [CaseSuspended("ann"), CaseResumed("ann")]
        if moment >= last:
            events.append(CaseCancelled("ann"))
        chance.shuffle(events)
        case.happen_together(*events)
        case.resume()
        for child in tree(case)[1:]:
            _let_begin(child, chance)
            child.happen_together(*_outcomes(child))
    assert case.status in (CaseStatus.COMPLETED, CaseStatus.CANCELLED)
    case.check_replay()


def _let_begin(case: Played, chance: Random) -> None:
    """Starts some of the items of a case that wait, as far as the others allow it."""
    for item in case.live:
        if item.state is not ItemState.STARTED and chance.random() < 0.7:
            with suppress(Conflict):
                case.start_item(item.id)


def _outcomes(case: Played) -> list[Event | str]:
    """What may happen next in a case: the completion of an item, the answer to a call."""
    if case.status is not CaseStatus.RUNNING:
        return []
    found: list[Event | str] = [item.id for item in case.live if item.state is ItemState.STARTED]
    for task in dict.fromkeys(case.called):
        found += [CallAnswered(call, 1, {"value": 1}) for call in case.calls(task)]
    return found


# -- tokens ------------------------------------------------------------------------------------------------------------


@examples(40)
@given(blocks(("seq", "and", "xor", "choice", "loop"), PLAIN, leaves=8), seeds, st.integers(0, 5))
def test_a_firing_takes_a_token_from_each_or_one_place_and_gives_one_to_each_chosen(
    block: Block, seed: int, changes: int
) -> None:
    chance = Random(seed)
    specification = compiled(disturbed(drawn(block), chance, changes, regions=False))
    player = ChancePlayer(begun(specification), chance, seed)
    book = _Book(net_of(player.case))
    for _ in range(MOST_MOVES):
        book.read(player.case)
        if player.case.case.ended or player.case.status is CaseStatus.FAILED:
            break
        assert player.case.marking == {place: count for place, count in book.marking.items() if count}
        if not player.move():
            break
    player.case.check_replay()


class _Book:
    """Keeps the marking of a net of and- and xor-joins, from what the journal says was fired and completed."""

    def __init__(self, net: Net) -> None:
        self.marking = Counter({"start": 1})
        self._net = net
        self._read = 0
        self._go: dict[str, str] = {}

    def read(self, case: Played) -> None:
        for entry in case.journal[self._read :]:
            for note in entry.notes:
                task = self._net.tasks.get(note.task)
                if task is not None and note.what == "fired":
                    self._take(task)
                if task is not None and (note.what == "completed" or (note.what == "fired" and note.number == 0)):
                    if isinstance(entry.event, ItemCompleted) and "go" in entry.event.output:
                        self._go.setdefault(task.name, "")
                        self._go[task.name] = entry.event.output["go"]
                    self._give(task)
        self._read = len(case.journal)

    def _take(self, task: Task) -> None:
        marked = [place for place in task.inputs if self.marking[place]]
        assert marked if task.join is Join.XOR else len(marked) == len(task.inputs), f"{task.name} was not enabled"
        for place in marked[:1] if task.join is Join.XOR else marked:
            self.marking[place] -= 1

    def _give(self, task: Task) -> None:
        flows = list(task.flows)
        if task.split is Split.XOR:
            chosen = [flow for flow in flows[:-1] if f"{flow.target};" in self._go[task.name]]
            flows = (chosen or flows[-1:])[:1]
        for flow in flows:
            self.marking[flow.place] += 1
