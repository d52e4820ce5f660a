"""Facts that hold for every net, tried on nets and orders of events that are left to chance."""

from collections import Counter
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.case import BUSY, CaseStatus, Run, RunState
from engine.events import ItemCompleted
from engine.executions import execution_of
from engine.items.work_item import ItemState
from engine.names import item_id, number_of
from engine.net import joins
from engine.net.state import NetState
from engine.spec.model import END, Join, Kind, Net, Split, Task
from tests.patterns.block_nets import PLAIN, REPEATED, SEVERAL, Block, blocks, compiled, disturbed, drawn
from tests.patterns.chance_player import ChancePlayer, begun, tree
from tests.patterns.played import Played

WORDS = ("seq", "and", "xor", "or", "choice", "loop")
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
