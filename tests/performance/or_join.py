"""`python -m tests.performance.or_join`: how long one decision of an or-join takes, on random nets, nothing kept.

The nets have loops, several or-joins and regions; half of them are badly unsound. Each is walked through at random, and
whenever the tokens before an or-join have changed, and some but not all of its places are marked, it is decided. What
is known of a net without its marking is worked out before (its time is shown apart); a decision is never taken from
those that were kept.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from random import Random

from engine.net import or_join
from engine.net.or_join import Decision
from engine.spec.model import Net, Task
from tests.patterns.or_join_reference import State, due_of, marked_inputs, moves
from tests.patterns.random_nets import random_net

SIZES = (10, 50, 200)
STEPS = 400


def main() -> None:
    """Prints a row for each size of nets."""
    arguments = _arguments()
    print(
        f"{'tasks':>6} {'decisions':>9} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'bound':>8} {'first ms':>9}  answers"
    )
    for size in arguments.sizes:
        _print_row(size, arguments.nets, arguments.seed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=int, default=200, help="nets of each size (default 200)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="tasks of a net (default 10 50 200)")
    parser.add_argument("--seed", type=int, default=1, help="where chance begins (default 1)")
    return parser.parse_args()


def _print_row(size: int, nets: int, seed: int) -> None:
    times: list[float] = []
    firsts: list[float] = []
    answers: Counter[Decision] = Counter()
    for number in range(nets):
        chance = Random(f"{seed} {size} {number}")
        net = random_net(chance, size, chance.choice((0.05, 0.1, 0.2, 0.4)))
        seen: set[str] = set()
        for task, state in questions(net, chance):
            took, decision = _decided(net, task, state)
            if task.name not in seen:
                seen.add(task.name)
                firsts.append(took)
                took, decision = _decided(net, task, state)
            times.append(took)
            answers[decision] += 1
    times.sort()
    bound = answers[Decision.UNDECIDED] / len(times)
    told = ", ".join(f"{count} {answer}" for answer, count in answers.most_common())
    print(
        f"{size:>6} {len(times):>9} {_at(times, 0.5):>8.3f} {_at(times, 0.99):>8.3f} {times[-1] * 1000:>8.3f} "
        f"{bound:>8.4%} {_at(sorted(firsts), 0.5):>9.3f}  {told}"
    )


def questions(net: Net, chance: Random) -> Iterator[tuple[Task, State]]:
    """The or-joins that are to be decided on a random way through the net, each with the state."""
    state = State((("start", 1),), ())
    for _ in range(STEPS):
        for task in net.or_joins:
            if 0 < len(marked_inputs(task, state)) < len(task.inputs):
                yield task, state
        following = list(moves(net, state))
        if not following:
            return
        state = chance.choice(following).state


def _decided(net: Net, task: Task, state: State) -> tuple[float, Decision]:
    marking, busy, due = dict(state.marking), dict(state.busy), due_of(state)
    or_join.forget_decisions()
    began = time.perf_counter()
    decision = or_join.decide(net, task, marking, busy, due)
    return time.perf_counter() - began, decision


def _at(times: list[float], share: float) -> float:
    return times[min(int(len(times) * share), len(times) - 1)] * 1000


if __name__ == "__main__":
    main()
