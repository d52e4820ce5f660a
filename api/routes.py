"""Routes: a path, what it takes to call it, and the function that answers.

None can be declared without its guard, so none can be forgotten: what has no guard is not served.
"""

from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from api.etags import compare
from api.permissions import Door, Guard
from api.problems import MEDIA_TYPE, ProblemDocument

API = "/api/v1"
SECURITY_SCHEME = "jwt"

View = TypeVar("View", bound=Callable[..., Response])
Answers = dict[int, type[BaseModel] | dict[str, Any] | None]


class Repeats(Enum):
    """How a POST honours its Idempotency-Key: its answer is kept, it sees to that itself, or there is no need to."""

    KEPT = "kept"
    BY_ITSELF = "by itself"
    NOT_NEEDED = "not needed"


_REFUSALS = {
    "401": "No valid token",
    "403": "The permission is missing",
    "404": "There is no such thing, or one may not know of it",
    "409": "The present state does not allow it, or somebody was faster",
    "413": "The body is too long",
    "415": "The body has another media type",
    "422": "The input is not valid",
    "429": "More waits than is taken on; try again later",
    "503": "The store is away or full",
}


class Routes:
    """The routes of one noun. `guards` says by endpoint what each requires."""

    def __init__(self, noun: str, prefix: str = API) -> None:
        self.blueprint = APIBlueprint(noun, __name__, url_prefix=prefix, abp_tags=[Tag(name=noun)])
        self.guards: dict[str, Guard] = {}
        self.repeats: dict[str, Repeats] = {}
        self.waits: set[str] = set()

    def get(self, rule: str, guard: Guard, answers: Answers) -> Callable[[View], View]:
        """Declares a GET."""
        return self._route(self.blueprint.get, rule, guard, answers)

    def post(
        self, rule: str, guard: Guard, answers: Answers, repeats: Repeats = Repeats.KEPT, *, waits: bool = False
    ) -> Callable[[View], View]:
        """Declares a POST; `waits`: it honours `Prefer: wait`."""
        declare: Callable[[View], View] = self._route(self.blueprint.post, rule, guard, answers)

        def declare_repeats(view: View) -> View:
            endpoint = f"{self.blueprint.name}.{view.__name__}"
            self.repeats[endpoint] = repeats
            if waits:
                self.waits.add(endpoint)
            return declare(view)

        return declare_repeats

    def put(self, rule: str, guard: Guard, answers: Answers) -> Callable[[View], View]:
        """Declares a PUT."""
        return self._route(self.blueprint.put, rule, guard, answers, changes=True)

    def patch(self, rule: str, guard: Guard, answers: Answers) -> Callable[[View], View]:
        """Declares a PATCH."""
        return self._route(self.blueprint.patch, rule, guard, answers, changes=True)

    def delete(self, rule: str, guard: Guard, answers: Answers) -> Callable[[View], View]:
        """Declares a DELETE."""
        return self._route(self.blueprint.delete, rule, guard, answers, changes=True)

    def _route(
        self,
        method: Callable[..., Callable[[View], View]],
        rule: str,
        guard: Guard,
        answers: Answers,
        *,
        changes: bool = False,
    ) -> Callable[[View], View]:
        def declare(view: View) -> View:
            self.guards[f"{self.blueprint.name}.{view.__name__}"] = guard
            security: list[dict[str, list[str]]] = [] if guard is Door.PUBLIC else [{SECURITY_SCHEME: []}]
            served = _compared(view) if changes else view
            method(rule, responses={**refusals(guard), **answers}, security=security)(served)
            return view

        return declare


def _compared(view: View) -> View:
    """A view that is called when what it changes is as the client says."""

    @wraps(view)
    def served(*args: Any, **named: Any) -> Response:
        compare()
        return view(*args, **named)

    return cast(View, served)


def refusal(description: str) -> dict[str, Any]:
    """A refusal, as the description of a route lists it."""
    schema = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def refusals(guard: Guard) -> dict[str, Any]:
    """How a route may refuse, as its description lists it."""
    return {
        status: refusal(description)
        for status, description in _REFUSALS.items()
        if guard is not Door.PUBLIC or status not in ("401", "403")
    }
