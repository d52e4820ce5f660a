"""Roles, positions, groups and capabilities: each with the same four routes."""

from flask import Response
from pydantic import BaseModel

from api.answers import answer, no_content
from api.context import parts
from api.messages import ListQuery
from api.pages import page_of
from api.permissions import Permission
from api.resource_messages import UnitBody, UnitList, UnitView, unit_problems, unit_view
from api.routes import Routes
from api.users import NAME
from engine.errors import InvalidInput, NotFound, Problem
from engine.resources.hierarchy import circles
from engine.resources.organisation import Unit

SINGULAR = {Unit.ROLES: "role", Unit.POSITIONS: "position", Unit.GROUPS: "group", Unit.CAPABILITIES: "capability"}


class UnitAddress(BaseModel):
    """Names a role, position, group or capability."""

    unit_id: str


def _routes_of(unit: Unit) -> Routes:
    """The routes of one kind of unit."""
    routes, one = Routes(unit), SINGULAR[unit]

    def listed(query: ListQuery) -> Response:
        units = list(parts().directory.now().units.get(unit, {}).values())
        found, following = page_of(units, lambda each: (0, each.id), query.limit, query.cursor)
        return answer(UnitList(items=[unit_view(each) for each in found], next=following))

    def shown(path: UnitAddress) -> Response:
        found = parts().directory.now().unit(unit, path.unit_id)
        if found is None:
            raise _unknown(one, path.unit_id)
        return answer(unit_view(found))

    def put(path: UnitAddress, body: UnitBody) -> Response:
        _check(unit, path.unit_id, body)
        entered = body.unit(path.unit_id)
        around = circles({**parts().directory.now().units.get(unit, {}), entered.id: entered})
        if around:
            problem = Problem("$.parent", f"{' under '.join(around[0])}: it would lie under itself")
            raise InvalidInput("the hierarchy would go round in a circle", code="circle", problems=(problem,))
        new = parts().registry.put_unit(unit, entered)
        return answer(unit_view(entered), 201 if new else 200)

    def removed(path: UnitAddress) -> Response:
        if not parts().registry.delete_unit(unit, path.unit_id):
            raise _unknown(one, path.unit_id)
        return no_content()

    for view, name, says in (
        (listed, f"list_{unit}", f"Lists {unit}."),
        (shown, f"get_{one}", f"Shows a {one}."),
        (put, f"put_{one}", f"Enters or changes a {one}; offers made from now on follow it."),
        (removed, f"delete_{one}", f"Removes a {one}; who has it keeps its name, which then means nothing more."),
    ):
        view.__name__, view.__doc__ = name, says
    address = f"/{unit}/<unit_id>"
    routes.get(f"/{unit}", Permission.RESOURCES_READ, {200: UnitList})(listed)
    routes.get(address, Permission.RESOURCES_READ, {200: UnitView})(shown)
    routes.put(address, Permission.RESOURCES_WRITE, {200: UnitView, 201: UnitView})(put)
    routes.delete(address, Permission.RESOURCES_WRITE, {204: None})(removed)
    return routes


def _check(unit: Unit, identifier: str, body: UnitBody) -> None:
    if not NAME.fullmatch(identifier):
        problem = Problem("unit_id", f"is to be {NAME.pattern}")
        raise InvalidInput(f"this cannot be the id of a {SINGULAR[unit]}", code="invalid_name", problems=(problem,))
    problems = [Problem(f"$.{key}", message) for key, message in unit_problems(unit, body)]
    if body.id not in (None, identifier):
        problems.append(Problem("$.id", f"differs from {identifier} in the address"))
    if problems:
        raise InvalidInput(f"this is no {SINGULAR[unit]}", code="invalid_request", problems=problems)


def _unknown(one: str, identifier: str) -> NotFound:
    return NotFound(f"no {one} {identifier}", code=f"{one}_not_found")


ROUTES = tuple(_routes_of(unit) for unit in Unit)
