"""Shared data: what the cases of a specification, of a folder, or of one tree of cases share, read and written outside.

Cases that wait for what is written here are told before the answer is sent.
"""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from flask import Response
from msgspec.msgpack import Encoder
from pydantic import BaseModel, Field

from api.answers import answer
from api.cases import find_case, find_case_to_steer
from api.context import parts, principal
from api.deployed import IDENTIFIER
from api.idempotency import given_key
from api.messages import Body, CaseAddress
from api.permissions import Permission
from api.problems import below
from api.routes import Repeats, Routes
from api.scope import check_reach
from engine.case_input import type_problems
from engine.data.mapping import ValidationFailed
from engine.errors import Conflict, Forbidden, InvalidInput, NotFound, Problem
from engine.net.sharing import case_place, folder_place, specification_place
from engine.spec.model import Scope, Specification, Variable
from engine.spec.shape import VARIABLE
from engine.store.folders import MOST_SHARED, Expected, Write
from engine.store.port import Once

routes = Routes("shared_data")

_NAME = re.compile(VARIABLE)
_encode = Encoder(order="sorted").encode


class Specified(BaseModel):
    """Names a specification, whatever version."""

    identifier: str


class FolderAddress(BaseModel):
    """Names a folder."""

    folder: str


class Change(Body):
    """Variables to be set, all or none. With `version` only if nothing was written since that one."""

    data: dict[str, Any] = Field(min_length=1, max_length=MOST_SHARED)
    version: int | None = Field(None, ge=0)


class SharedView(BaseModel):
    """What stands there. `version` counts its writes."""

    data: dict[str, Any]
    version: int


@routes.get("/shared/specifications/<identifier>", Permission.CASES_READ, {200: SharedView})
def get_specification_data(path: Specified) -> Response:
    """Shows what the cases of a specification share, those of all its versions."""
    return _shown(specification_place(_latest(path.identifier).id))


@routes.post("/shared/specifications/<identifier>", Permission.CASES_SIGNAL, {200: SharedView}, Repeats.BY_ITSELF)
def set_specification_data(path: Specified, body: Change) -> Response:
    """Sets what the cases of a specification share. Its latest version says what there is, and of which type."""
    specification = _latest(path.identifier)
    _check(body.data, _declared(specification, Scope.SPECIFICATION), f"the cases of {specification.id} share no")
    return _written(specification_place(specification.id), body)


@routes.get("/shared/folders/<folder>", Permission.CASES_READ, {200: SharedView})
def get_folder(path: FolderAddress) -> Response:
    """Shows what the cases of a folder share. A folder is there when something was written into it."""
    return _shown(_folder(path.folder))


@routes.post("/shared/folders/<folder>", Permission.CASES_SIGNAL, {200: SharedView}, Repeats.BY_ITSELF)
def set_folder(path: FolderAddress, body: Change) -> Response:
    """Sets what the cases of a folder share. What does not fit the variable of a case is not taken by that case."""
    _check(body.data, None, "")
    return _written(_folder(path.folder), body)


@routes.get("/shared/cases/<case_id>", Permission.CASES_READ, {200: SharedView})
def get_tree_data(path: CaseAddress) -> Response:
    """Shows what a case shares with all cases of its tree, while the root case runs."""
    return _shown(case_place(find_case(path.case_id).id))


@routes.post("/shared/cases/<case_id>", Permission.CASES_SIGNAL, {200: SharedView}, Repeats.BY_ITSELF)
def set_tree_data(path: CaseAddress, body: Change) -> Response:
    """Sets what a case shares with all cases of its tree."""
    case = find_case_to_steer(path.case_id)
    specification = parts().definitions.get(case.specification, case.specification_version)
    _check(body.data, _declared(specification, Scope.CASE), f"the cases of {specification.id} share no")
    return _written(case_place(case.id), body)


def _latest(identifier: str) -> Specification:
    """The version deployed last, also a retired one: its cases may still run. Raises `NotFound`."""
    check_reach(identifier)
    stored = parts().registry.specification(identifier) if IDENTIFIER.fullmatch(identifier) else None
    if stored is None:
        retired = [each for each in parts().registry.specifications() if each.id == identifier]
        if not retired:
            raise NotFound(f"no specification {identifier}", code="specification_not_found")
        stored = retired[-1]
    return parts().definitions.get(stored.id, stored.version)


def _declared(specification: Specification, scope: Scope) -> dict[str, Variable]:
    """The variables that a specification shares so, of whichever net."""
    declared = (each for net in specification.nets.values() for each in net.shared.values())
    return {each.name: each for each in declared if each.shared is not None and each.shared.scope is scope}


def _check(data: Mapping[str, Any], declared: Mapping[str, Variable] | None, unknown: str) -> None:
    """Raises `InvalidInput` (`invalid_shared_data`) with every problem. `declared` None: any name will do."""
    problems: list[Problem] = []
    for name, value in data.items():
        if declared is None:
            if not _NAME.fullmatch(name):
                problems.append(Problem(f"$.{name}", f"is no name of a variable ({VARIABLE})"))
        elif name not in declared:
            problems.append(Problem(f"$.{name}", f'{unknown} "{name}"'))
        else:
            problems += type_problems(declared[name], value)
    if problems:
        message = "this cannot be shared"
        raise InvalidInput(message, code="invalid_shared_data", problems=below("$.data", problems))


def _folder(name: str) -> str:
    if principal().specifications is not None:
        # A folder is of no specification: it could belong to any other.
        raise Forbidden("folders are for those who are entered for all specifications", code="permission_missing")
    try:
        return folder_place(name)
    except ValidationFailed as failure:
        raise NotFound(f"no folder {name}: {failure.problems[0].message}", code="folder_not_found") from failure


def _shown(place: str) -> Response:
    found = parts().shared.read(place)
    return answer(SharedView(data=found.values, version=found.version))


def _written(place: str, body: Change) -> Response:
    key = given_key()
    mark = None
    if key is not None:
        name = sha256(_encode((principal().user, place, key))).hexdigest()
        mark = Once(f"request:{name}", sha256(_encode((body.data, body.version))).hexdigest())
    done = parts().shared.write(place, body.data, mark, Expected({}, version=body.version))
    if done is not Write.DONE:
        raise _REFUSED[done]()
    return _shown(place)


def _reused() -> InvalidInput:
    return InvalidInput("this Idempotency-Key came with another body before", code="idempotency_key_reused")


def _differs() -> Conflict:
    return Conflict("it was written since: read it again", code="shared_data_changed")


def _closed() -> Conflict:
    return Conflict("the case that shares it has ended", code="case_ended")


def _full() -> Conflict:
    return Conflict(f"no more than {MOST_SHARED} names fit in one place", code="shared_data_full")


_REFUSED: dict[Write, Callable[[], Conflict | InvalidInput]] = {
    Write.DIFFERS: _differs,
    Write.CLOSED: _closed,
    Write.FULL: _full,
    Write.OTHER: _reused,
}
