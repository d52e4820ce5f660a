"""`python -m tests.performance.or_join`: how long one decision of an or-join takes, on random nets, nothing kept.

The nets have loops, several or-joins and regions. They are grown from blocks and then disturbed: arcs are added, joins
and splits changed, regions laid over them, as many as a tenth or two fifths of their tasks: after that nothing of them
is sound. Each is walked through at random, and its or-joins are decided wherever some but not all of their places are
marked, in so many different states each. What is known of a net without its marking is worked out before; its time is
shown apart. Time is processor time.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from random import Random

from engine.net import or_join, reset_net
from engine.net.or_join import Analysis, Decision
from engine.spec.model import Net, Task
from tests.patterns.or_join_reference import State, due_of, marked_inputs, moves
from tests.patterns.random_nets import random_net

SIZES = (10, 50, 200)
DISTURBED = (0.0, 0.1, 0.4)
STEPS = 400
STATES = 12


def main() -> None:
    """Prints a row for each size of nets."""
    arguments = _arguments()
    print("  tasks  disturbed  decisions    p50 ms    p99 ms    max ms  undecided    waits  analysis ms (p50, p99)")
    for size in arguments.sizes:
        for disturbed in DISTURBED:
            _print_row(size, disturbed, arguments.nets, arguments.seed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=int, default=200, help="nets of each kind (default 200)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="tasks of a net (default 10 50 200)")
    parser.add_argument("--seed", type=int, default=1, help="where chance begins (default 1)")
    return parser.parse_args()


def _print_row(size: int, disturbed: float, nets: int, seed: int) -> None:
    times: list[float] = []
    analyses: list[float] = []
    answers: Counter[Decision] = Counter()
    for number in range(nets):
        chance = Random(f"{seed} {size} {disturbed} {number}")
        net = random_net(chance, size, disturbed)
        analyses += [_analysed(net, task) for task in net.or_joins]
        for task, state in questions(net, chance):
            took, decision = _decided(or_join.analysis_of(net, task), state)
            times.append(took)
            answers[decision] += 1
    print(
        f"{size:>7} {disturbed:>10.0%} {len(times):>10} {_at(times, 0.5):>9.3f} {_at(times, 0.99):>9.3f} "
        f"{_at(times, 1):>9.3f} {answers[Decision.UNDECIDED] / len(times):>10.3%} "
        f"{answers[Decision.WAITS] / len(times):>8.1%}  {_at(analyses, 0.5):.3f}, {_at(analyses, 0.99):.3f}",
        flush=True,
    )


def questions(net: Net, chance: Random) -> Iterator[tuple[Task, State]]:
    """The or-joins that are to be decided on a random way through the net, each with the state."""
    state = State((("start", 1),), ())
    asked: Counter[str] = Counter()
    known: set[tuple[str, int]] = set()
    for _ in range(STEPS):
        for task in net.or_joins:
            if 0 < len(marked_inputs(task, state)) < len(task.inputs) and asked[task.name] < STATES:
                question = (task.name, _present(or_join.analysis_of(net, task), state))
                if question not in known:
                    known.add(question)
                    asked[task.name] += 1
                    yield task, state
        following = list(moves(net, state))
        if not following:
            return
        state = chance.choice(following).state


def _analysed(net: Net, task: Task) -> float:
    began = time.process_time()
    Analysis(reset_net.translate(net), task)
    return time.process_time() - began


def _decided(analysis: Analysis, state: State) -> tuple[float, Decision]:
    began = time.process_time()
    decision = analysis.worked_out(_present(analysis, state))
    return time.process_time() - began, decision


def _present(analysis: Analysis, state: State) -> int:
    return analysis.present(dict(state.marking), dict(state.busy), due_of(state))


def _at(times: list[float], share: float) -> float:
    return sorted(times)[min(int(len(times) * share), len(times) - 1)] * 1000


if __name__ == "__main__":
    main()
