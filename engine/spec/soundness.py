"""Soundness: can a case always complete, is nothing left when it does, can every task start, do tokens stay few?

The properties are those of workflow nets (van der Aalst 1997; van der Aalst et al. 2011, "Soundness of workflow nets:
classification, decidability, and analysis"): option to complete, proper completion, no dead task, and boundedness.
With regions that are emptied the question cannot be decided in general (they make reset nets), so the states are
visited up to a bound (`state_space.MOST_STATES`), and it is said when that was not enough. What a case's data would
rule out is not known here: a violation is one that the net allows, and is shown by a sequence of firings.

A net is reduced first (`reduction.py`). Where that has no violation the net has none; where it has, the whole net is
explored for the shortest way to it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.spec.firings import Firing, Phase
from engine.spec.model import END, Join, Net, Specification, Split, Task
from engine.spec.reduction import reduced
from engine.spec.state_space import MOST_STATES, StateSpace, explore, growth, is_monotone


class Flaw(StrEnum):
    """How a net is not sound.

    `DEADLOCK`: nothing can happen any more, though the case is not complete. `LIVELOCK`: something always can, and the
    case never completes. Both are violations of the option to complete.
    """

    DEADLOCK = "deadlock"
    LIVELOCK = "livelock"
    IMPROPER_COMPLETION = "improper_completion"
    DEAD_TASK = "dead_task"
    UNBOUNDED = "unbounded"


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation, with a shortest sequence of firings that shows it (none for a dead task).

    `tokens` and `running` are what there is at its end. `about` names the places or tasks that it is about.
    `shortened` says that the sequence is one of the reduced net: firings that change nothing are left out.
    """

    net: str
    flaw: Flaw
    message: str
    trace: tuple[Firing, ...] = ()
    tokens: tuple[tuple[str, int], ...] = ()
    running: tuple[tuple[str, int], ...] = ()
    about: tuple[str, ...] = ()
    shortened: bool = False

    def summary(self) -> str:
        """The violation on one line, with the tasks of the sequence."""
        steps = ", ".join(firing.task for firing in self.trace if firing.phase is not Phase.STARTS)
        after = f"after {steps}: " if steps else ""
        return f"{_WORDS[self.flaw]}: {after}{self.message}"


@dataclass(frozen=True, slots=True)
class Soundness:
    """What was found out about a net.

    `states` counts those visited, in the reduced net where that was enough; `whole` says that every state of the net or
    of the reduced one was.
    `notes` say what was not looked at, and why.
    """

    net: Net
    findings: tuple[Finding, ...]
    states: int
    whole: bool
    notes: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether the net is sound for certain."""
        return self.whole and not self.findings

    def story(self) -> list[str]:
        """What was found, for a person to read."""
        return [
            *(line for finding in self.findings for line in _told(self.net, finding)),
            *self._noted(),
        ]

    def warnings(self) -> list[str]:
        """What was found, each on one line."""
        return [*(f"nets.{self.net.name}: {finding.summary()}" for finding in self.findings), *self._noted()]

    def _noted(self) -> list[str]:
        return [f"nets.{self.net.name}: {note}" for note in self.notes]


def check_specification(specification: Specification, most_states: int = MOST_STATES) -> tuple[Soundness, ...]:
    """What is found out about each net of a specification, in its order; all of them share the bound."""
    found: list[Soundness] = []
    for net in specification.nets.values():
        left = most_states - sum(soundness.states for soundness in found)
        found.append(check(net, max(left, most_states // (2 * len(specification.nets)))))
    return tuple(found)


def check(net: Net, most_states: int = MOST_STATES) -> Soundness:
    """What is found out about a net by visiting at most so many states, of it and of its reduction."""
    smaller = reduced(net)
    space = explore(smaller.net, most_states, begin_in=smaller.begin_in)
    suspected = _findings(space)
    if not suspected:
        # A case runs the whole net, whose or-joins may be harder to decide than those of its reduction.
        met = explore(net, FEW_STATES) if net.or_joins else space
        return Soundness(net, (), len(space.states), space.whole, (*_notes(space), *_undecided(met)))
    whole = explore(net, most_states, enough=_Sought(suspected))
    shown = _findings(whole)
    if not whole.whole:
        known = {finding.flaw for finding in shown}
        shown += [_unfolded(each, smaller.stands_for) for each in suspected if each.flaw not in known]
    return Soundness(
        net,
        tuple(shown),
        len(whole.states),
        whole.whole or space.whole,
        (*(() if whole.whole else _notes(space)), *_undecided(whole)),
    )


FEW_STATES = 1_000
"""A search that has shown what it was begun for goes on to as many states: there may be something else."""


class _Sought:
    """Says when a search has shown what it was begun for. What only all states can show is never enough."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._flaws = {finding.flaw for finding in findings}

    def __call__(self, space: StateSpace, number: int) -> bool:
        if number in space.grown:
            self._flaws.discard(Flaw.UNBOUNDED)
        elif space.is_dead(number):
            self._flaws.discard(Flaw.DEADLOCK)
        elif _is_improper(space, number):
            self._flaws.discard(Flaw.IMPROPER_COMPLETION)
        return not self._flaws and len(space.states) >= FEW_STATES


# -- what the states show ----------------------------------------------------------------------------------------------


def _findings(space: StateSpace) -> list[Finding]:
    return [*_deadlocks(space), *_livelocks(space), *_improper_completions(space), *_growth(space), *_dead_tasks(space)]


def _deadlocks(space: StateSpace) -> Iterator[Finding]:
    dead = space.dead()
    if dead:
        state = space.states[dead[0]]
        waiting = tuple(
            dict.fromkeys(task.name for place in state.marking for task in space.net.consumers.get(place, ()))
        )
        message = f"nothing can happen any more: {_left(state.marking, state.busy)}"
        yield _finding(space, Flaw.DEADLOCK, message, dead[0], waiting)


def _livelocks(space: StateSpace) -> Iterator[Finding]:
    hopeful = space.leading_to({*space.complete(), *space.dead(), *space.cut})
    stuck = [number for number in range(len(space.states)) if number not in hopeful]
    if stuck:
        state = space.states[stuck[0]]
        message = f"from here the case goes on for ever and never completes: {_left(state.marking, state.busy)}"
        yield _finding(space, Flaw.LIVELOCK, message, stuck[0], tuple(state.marking))


def _improper_completions(space: StateSpace) -> Iterator[Finding]:
    improper = [number for number in space.complete() if _is_improper(space, number)]
    if improper:
        state = space.states[improper[0]]
        left = {place: count - (place == END) for place, count in state.marking.items()}
        left = {place: count for place, count in left.items() if count}
        message = f"the case is complete, and what is left is cancelled: {_left(left, state.busy)}"
        yield _finding(space, Flaw.IMPROPER_COMPLETION, message, improper[0], (*left, *state.busy))


def _is_improper(space: StateSpace, number: int) -> bool:
    state = space.states[number]
    return END in state.marking and bool(state.busy or sum(state.marking.values()) > 1)


def _growth(space: StateSpace) -> Iterator[Finding]:
    found = growth(space)
    if found is None:
        return
    number, grown = found
    count = space.states[number].marking.get(grown) or space.states[number].busy[grown]
    if is_monotone(space.net):
        what = f"a run of {grown}" if grown in space.net.tasks else f"a token {_where(grown)}"
        message = f"{what} came on top of all that was there before: this can be repeated without end"
    else:
        what = f"{count} runs of {grown}" if grown in space.net.tasks else f"{_tokens(count)} {_where(grown)}"
        message = f"there are {what}, and probably no end to them"
    yield _finding(space, Flaw.UNBOUNDED, message, number, (grown,))


def _dead_tasks(space: StateSpace) -> Iterator[Finding]:
    if space.whole:
        for name, task in space.net.tasks.items():
            # What compensates another task lies on no way, and is begun when something went wrong.
            if name not in space.fired and task.inputs:
                yield Finding(space.net.name, Flaw.DEAD_TASK, f"{name} can never start", about=(name,))


def _finding(space: StateSpace, flaw: Flaw, message: str, number: int, about: tuple[str, ...]) -> Finding:
    state = space.states[number]
    return Finding(
        space.net.name,
        flaw,
        message,
        space.trace(number),
        tuple(state.marking.items()),
        tuple(state.busy.items()),
        about,
    )


def _unfolded(finding: Finding, stands_for: Mapping[str, tuple[str, ...]]) -> Finding:
    """A finding of the reduced net, as one of the whole net: a task that stands for several is done in their order."""
    trace: list[Firing] = []
    for firing in finding.trace:
        first, *others = stands_for[firing.task]
        if firing.phase is Phase.STARTS or not others:
            trace.append(firing)
            continue
        trace.append(replace(firing, gave=()))
        trace += [Firing(task, Phase.FIRES) for task in others[:-1]]
        trace.append(Firing(others[-1], Phase.FIRES, gave=firing.gave))
    return replace(finding, trace=tuple(trace), shortened=True)


def _notes(space: StateSpace) -> tuple[str, ...]:
    notes = []
    if space.bound_reached:
        notes.append(f"not every state was visited, only {len(space.states)}: there may be violations beyond them")
    if space.too_many_ways is not None:
        notes.append(f"the split of {space.too_many_ways} has too many sets of ways to look at them all")
    return tuple(notes)


def _undecided(space: StateSpace) -> Iterator[str]:
    for task, states in space.undecided.items():
        where = "one state" if states == 1 else f"{states} states"
        yield f"in {where} it could not be decided within the bound whether {task} must wait: it waits there"


# -- in words ----------------------------------------------------------------------------------------------------------

_WORDS = {
    Flaw.DEADLOCK: "a case can deadlock",
    Flaw.LIVELOCK: "a case can go round for ever",
    Flaw.IMPROPER_COMPLETION: "a case can complete while something is left",
    Flaw.DEAD_TASK: "a task is dead",
    Flaw.UNBOUNDED: "tokens can become ever more",
}


def _told(net: Net, finding: Finding) -> Iterator[str]:
    yield f"nets.{finding.net}: {_WORDS[finding.flaw]}"
    if not finding.trace:
        yield f"  {finding.message}"
        return
    if finding.shortened:
        yield "  (steps that change nothing are left out)"
    for number, firing in enumerate(finding.trace, 1):
        yield f"  {number}. {_step(net, firing)}"
    yield f"  {finding.message}"
    if finding.flaw is Flaw.DEADLOCK:
        for name in finding.about:
            yield from _what_it_waits_for(net.tasks[name], dict(finding.tokens))


def _step(net: Net, firing: Firing) -> str:
    task = net.tasks[firing.task]
    words = f"{firing.task} {firing.phase}"
    if firing.took and task.join is not Join.AND and len(task.inputs) > 1:
        words += f" with the token {_where(firing.took[0])}" if len(firing.took) == 1 else ""
        words += f" with the tokens {_listed(map(_where, firing.took))}" if len(firing.took) > 1 else ""
    if firing.gave and task.split in (Split.XOR, Split.OR) and len(task.flows) > 1:
        targets = {flow.place: flow.target for flow in task.flows}
        words += f" and goes on to {_listed(targets.get(place, place) for place in firing.gave)}"
    return words


def _what_it_waits_for(task: Task, tokens: Mapping[str, int]) -> Iterator[str]:
    missing = [place for place in task.inputs if place not in tokens]
    if task.join is Join.PARTIAL:
        yield f"  {task.name} needs tokens of {task.needed} branches, and has {len(task.inputs) - len(missing)}"
    elif task.join is Join.THREADS:
        yield f"  {task.name} needs {_tokens(task.needed)}, and has {sum(tokens.get(each, 0) for each in task.inputs)}"
    elif missing:
        yield f"  {task.name} has no token {_listed(map(_where, missing))}"


def _left(marking: Mapping[str, int], busy: Mapping[str, int]) -> str:
    parts = [f"{_tokens(count)} {_where(place)}" for place, count in marking.items()]
    parts += [
        f"{task} still runs" if count == 1 else f"{task} still runs {count} times" for task, count in busy.items()
    ]
    return _listed(parts) or "nothing is left"


def _tokens(count: int) -> str:
    return "a token" if count == 1 else f"{count} tokens"


def _where(place: str) -> str:
    before, implicit, after = place.partition(">")
    return f"between {before} and {after}" if implicit else f"in {place}"


def _listed(words: Iterable[str]) -> str:
    *others, last = list(words) or [""]
    return f"{', '.join(others)} and {last}" if others else last
