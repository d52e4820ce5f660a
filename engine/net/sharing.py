"""Data that cases share: where each shared variable of a net is kept, and what a case takes of what was read there.

A case holds a copy of what it shares, and reads it anew before each event it takes; what it reads stands in its journal
when it differs. The place of a variable is named by who shares it: `case:<root case>`, `specification:<id>`, or
`folder:<name>`. It stays the same as long as the case lives.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.msgpack import Encoder

from engine.case import Case
from engine.case_input import type_problems
from engine.data.expressions import TemplateFailed
from engine.data.mapping import ValidationFailed
from engine.draft import Draft
from engine.effects import AskShared
from engine.errors import Problem
from engine.names import root_of
from engine.spec.model import Net, Scope, Shared, Task

_encode = Encoder().encode

FOLDER = re.compile(r"[A-Za-z0-9_.@-]{1,100}")
"""The names of folders."""


def case_place(case_id: str) -> str:
    """Where a case and all cases of its tree keep what they share."""
    return f"{Scope.CASE}:{root_of(case_id)}"


def specification_place(identifier: str) -> str:
    """Where the cases of a specification, of all its versions, keep what they share."""
    return f"{Scope.SPECIFICATION}:{identifier}"


def folder_place(name: str) -> str:
    """Where the cases of a folder keep what they share. Raises `ValidationFailed`."""
    if not FOLDER.fullmatch(name):
        message = f"{name!r} cannot be the name of a folder: letters, digits, _ . @ - and 100 of them at most"
        raise ValidationFailed((Problem("folder", message),))
    return f"{Scope.FOLDER}:{name}"


def places(net: Net, case: Case) -> dict[str, str]:
    """The place of each shared variable of a case. Raises `ValidationFailed`, `TemplateFailed`, `ExpressionFailed`."""
    return {name: _place(each.shared, net, case) for name, each in net.shared.items() if each.shared is not None}


def question(draft: Draft, *, begins: bool = False) -> AskShared:
    """Asks for all that the case shares. One that may wait for it is told from then on when it changes.

    Raises what `places` does.
    """
    waits = not draft.net.awaited.keys().isdisjoint(draft.net.shared)
    return AskShared(places(draft.net, draft.case), waits, begins)


def news(net: Net, data: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """What of the values found differs from what a case has, and what does not fit its variables and is not taken."""
    changes: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, variable in net.shared.items():
        value = found.get(name, variable.default)
        if name in data and _encode(value) == _encode(data[name]):
            continue
        wrong = type_problems(variable, value) if name in found else []
        problems += wrong
        if not wrong:
            changes[name] = value
    return changes, problems


def write_of(draft: Draft, task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a task that writes shared variables asks for: what is set where, and what is expected to stand there.

    `defaults` are what stands there while nothing was written.

    Raises `ValidationFailed` where a value does not fit its variable, and what `places` does.
    """
    call, net = task.call, draft.net
    assert call is not None and task.input is not None, f"task {task.name} writes nothing shared"
    problems = [
        Problem(f"input{path[1:]}", message)
        for name, value in given.items()
        for path, message in type_problems(net.shared[name], value)
    ]
    if problems:
        raise ValidationFailed(tuple(problems))
    first, _ = task.input.entries[0]
    unchanged = call.config.value.get("unchanged", ())
    return {
        "place": places(net, draft.case)[first],
        "set": dict(given),
        "expected": {name: draft.variables[name] for name in unchanged},
        "defaults": {name: net.shared[name].default for name in unchanged},
    }


def _place(shared: Shared, net: Net, case: Case) -> str:
    match shared.scope:
        case Scope.CASE:
            return case_place(case.id)
        case Scope.SPECIFICATION:
            return specification_place(case.specification)
        case Scope.FOLDER:
            assert shared.folder is not None, "a folder has a name"
            name = shared.folder.render({**net.nulls, **case.data})
            if not isinstance(name, str):
                raise TemplateFailed("$", f"a folder is named by a string, not {name!r}")
            return folder_place(name)
