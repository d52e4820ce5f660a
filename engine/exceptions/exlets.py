"""Exlets as written: a list of primitives, read and checked before any case relies on it.

```yaml
on:
  timeout: [{suspend: case}, {compensate: call-customer}, {continue: case}, restart]
```
A word alone is done to the item; `{word: target}` to something else; `{escalate: ...}`, `{reallocate: ...}`,
`{compensate: ...}` and `{rollback: ...}` say more. The checks are those of the worklet service: nothing is left
suspended, nothing goes on that was not suspended, and no step comes after one that ends the item or the case.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from engine.exceptions.kinds import ExceptionKind
from engine.exceptions.primitives import ENDING, SETTLING, TARGETS, Action, Exlet, Primitive, Target

MOST_PRIMITIVES = 50
MOST_WORKLETS = 20
"""Worklets that one step of an exlet runs beside each other."""

DETAILED = frozenset({Action.ESCALATE, Action.REALLOCATE, Action.COMPENSATE, Action.ROLLBACK})

PEOPLE = ("roles", "participants", "positions", "groups", "capabilities")
RUNS = ("worklet", "net")
"""What a compensation runs: another specification, or a net of the same one."""

_OF_RUN = frozenset({*RUNS, "version", "input", "output"})

WITHOUT_ITEM = frozenset({ExceptionKind.DEADLOCK})
"""Exceptions of the case as a whole."""

ExletPath = tuple[str | int, ...]


class ExletProblem(NamedTuple):
    """What is wrong with an exlet, and where in it."""

    path: ExletPath
    message: str


class ExletInvalid(Exception):
    """What was written is no exlet. `problems` has all that is wrong."""

    def __init__(self, problems: Sequence[ExletProblem]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, path)) or 'exlet'}: {message}" for path, message in problems))
        self.problems = tuple(problems)


def read_exlet(written: Any, *, item: bool = True) -> Exlet:
    """The exlet that was written. `item`: there is one it can act on. Raises `ExletInvalid` with every problem."""
    problems: list[ExletProblem] = []
    if not isinstance(written, list) or not written:
        raise ExletInvalid([ExletProblem((), "must be a list of primitives, such as [restart]")])
    if len(written) > MOST_PRIMITIVES:
        raise ExletInvalid([ExletProblem((), f"has {len(written)} primitives, and may have {MOST_PRIMITIVES}")])
    read = [_primitive(each, (index,), problems) for index, each in enumerate(written)]
    exlet = tuple(each for each in read if each is not None)
    if not problems:
        problems += _misplaced(exlet, item=item)
    if problems:
        raise ExletInvalid(problems)
    return exlet


def written_as(exlet: Exlet) -> list[Any]:
    """An exlet as it is written."""
    return [_written(each) for each in exlet]


def runs_of(primitive: Primitive) -> list[Mapping[str, Any]]:
    """What a compensation runs: a mapping with `worklet` or `net` each."""
    listed = primitive.detail if isinstance(primitive.detail, list) else [primitive.detail]
    return [each if isinstance(each, dict) else {"worklet": each} for each in listed]


def people_of(primitive: Primitive) -> Mapping[str, list[str]]:
    """Whom an escalation or a reallocation names, by kind. A word alone is a role, or a participant."""
    detail = primitive.detail
    if isinstance(detail, dict):
        return {kind: names if isinstance(names, list) else [names] for kind, names in detail.items()}
    if detail is None:
        return {}
    return {"roles" if primitive.action is Action.ESCALATE else "participants": [detail]}


# -- reading -------------------------------------------------------------------------------------------------------


def _primitive(written: Any, path: ExletPath, problems: list[ExletProblem]) -> Primitive | None:
    word, given = written, None
    if isinstance(written, dict) and len(written) == 1:
        ((word, given),) = written.items()
    if not isinstance(word, str) or word not in tuple(Action):
        known = ", ".join(Action)
        problems.append(
            ExletProblem(path, f"must be a primitive ({known}) or one with its target, such as {{fail: case}}")
        )
        return None
    action = Action(word)
    if action in DETAILED:
        before = len(problems)
        _CHECKED[action](given, (*path, word), problems)
        (target,) = TARGETS[action]
        return Primitive(action, target, given) if len(problems) == before else None
    wanted = sorted(TARGETS[action])
    if given is not None and given not in wanted:
        problems.append(ExletProblem((*path, word), f"must be {' or '.join(wanted)}, not {given!r}"))
        return None
    return Primitive(action, Target(given) if given is not None else Target.ITEM)


def _check_people(given: Any, path: ExletPath, problems: list[ExletProblem], *, required: bool) -> None:
    if given is None and not required:
        return
    if isinstance(given, str) and given:
        return
    if not isinstance(given, dict) or not given:
        problems.append(ExletProblem(path, f"must say to whom: a name, or a mapping with {', '.join(PEOPLE)}"))
        return
    for kind, names in given.items():
        if kind not in PEOPLE:
            problems.append(ExletProblem((*path, kind), f"must be one of {', '.join(PEOPLE)}"))
        elif not all(isinstance(each, str) and each for each in (names if isinstance(names, list) else [names])):
            problems.append(ExletProblem((*path, kind), "must be a name or a list of names"))


def _check_escalation(given: Any, path: ExletPath, problems: list[ExletProblem]) -> None:
    _check_people(given, path, problems, required=True)


def _check_reallocation(given: Any, path: ExletPath, problems: list[ExletProblem]) -> None:
    _check_people(given, path, problems, required=False)


def _check_compensation(given: Any, path: ExletPath, problems: list[ExletProblem]) -> None:
    listed = given if isinstance(given, list) else [given]
    if not listed or len(listed) > MOST_WORKLETS:
        problems.append(ExletProblem(path, f"must name 1 to {MOST_WORKLETS} worklets"))
        return
    for index, each in enumerate(listed):
        place = (*path, index) if isinstance(given, list) else path
        if isinstance(each, str) and each:
            continue
        if not isinstance(each, dict) or sum(key in each for key in RUNS) != 1:
            problems.append(ExletProblem(place, "must be the name of a worklet, or {worklet | net, input, output}"))
            continue
        for key, value in each.items():
            if key not in _OF_RUN:
                problems.append(ExletProblem((*place, key), f"must be one of {', '.join(sorted(_OF_RUN))}"))
            elif key in ("input", "output") and not isinstance(value, dict):
                problems.append(ExletProblem((*place, key), "must be a mapping"))
            elif key not in ("input", "output") and not (isinstance(value, str) and value):
                problems.append(ExletProblem((*place, key), "must be a name"))


def _check_point(given: Any, path: ExletPath, problems: list[ExletProblem]) -> None:
    if not isinstance(given, str) or not given:
        problems.append(ExletProblem(path, "must be `start` or the name of a task: the case goes back to before it"))


_CHECKED = {
    Action.ESCALATE: _check_escalation,
    Action.REALLOCATE: _check_reallocation,
    Action.COMPENSATE: _check_compensation,
    Action.ROLLBACK: _check_point,
}


def _written(primitive: Primitive) -> Any:
    if primitive.action in DETAILED:
        return {str(primitive.action): primitive.detail} if primitive.detail is not None else str(primitive.action)
    if primitive.target is Target.ITEM:
        return str(primitive.action)
    return {str(primitive.action): str(primitive.target)}


# -- the order of the steps ------------------------------------------------------------------------------------------


def _misplaced(exlet: Exlet, *, item: bool) -> Iterator[ExletProblem]:
    """What makes no sense where it stands."""
    suspended: dict[Target, int] = {}
    settled = ended = None
    for index, step in enumerate(exlet):
        if ended is not None:
            yield ExletProblem((index,), f"comes after {ended}, which ends it: nothing is left to act on")
            return
        if step.target is Target.ITEM:
            if not item:
                yield ExletProblem((index,), f"{step.action} is done to an item, and there is none here")
            if settled is not None:
                yield ExletProblem((index,), f"comes after {settled}, which decides what becomes of the item")
        if step.action is Action.ROLLBACK or (step.target is Target.ITEM and step.action in SETTLING):
            settled = step.action
            suspended.pop(Target.ITEM, None)
        if step.action is Action.SUSPEND:
            if step.target in suspended:
                yield ExletProblem((index,), f"suspends the {step.target} a second time")
            suspended[step.target] = index
        elif step.action is Action.CONTINUE and suspended.pop(step.target, None) is None:
            yield ExletProblem((index,), f"continues the {step.target}, which was not suspended before")
        if (step.action, step.target) in ENDING:
            ended = step.action
            # What is removed is not left suspended; what is above it or beside it would be.
            gone = set(Target) if step.target is Target.ALL else {Target.ITEM, Target.CASE, step.target}
            suspended = {target: at for target, at in suspended.items() if target not in gone}
    for target, index in suspended.items():
        yield ExletProblem((index,), f"leaves the {target} suspended: add {{continue: {target}}}")
