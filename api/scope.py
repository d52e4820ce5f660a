"""Scope: for which specifications and cases the permissions of somebody count.

Two things narrow them. A user (or an API key) may be entered for some specifications only. And a specification may say
under `access` who starts its cases, sees them, and steers them, by an expression over the case's variables and
`asker`: so a permission can hang on what a case says. Who has the access role `admin` is asked nothing of the latter.

What one may not know of is answered as if it did not exist.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.context import context, parts, principal
from api.permissions import Access
from deploy.wiring import Parts
from engine.case import Case
from engine.data.expressions import Expression, ExpressionFailed
from engine.errors import Forbidden, NotFound
from engine.names import CASE_ID, root_of
from engine.spec.model import Specification

Variables = Callable[[], Mapping[str, Any]]
"""Gives the variables of a case when they are needed."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as conditions see him. Apart from the request, because a stream of events outlives it."""

    user: str
    participant: str
    access: frozenset[str]
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    specifications: frozenset[str] | None

    def reaches(self, specification: str) -> bool:
        """Whether what he may do counts for a specification."""
        return self.specifications is None or specification in self.specifications

    def sees(self, case: Case, of: Parts) -> bool:
        """Whether he may know of a case, if he may read cases at all."""
        if not self.reaches(case.specification):
            return False
        specification = of.definitions.get(case.specification, case.specification_version)
        return self.meets(specification.access.see, lambda: _variables(case, of))

    def meets(self, condition: Expression | None, variables: Variables) -> bool:
        """Whether a condition holds for him. One that cannot be evaluated does not."""
        if condition is None or Access.ADMIN in self.access:
            return True
        facts = {
            "user": self.user,
            "participant": self.participant,
            "access": sorted(self.access),
            "roles": list(self.roles),
            "groups": list(self.groups),
        }
        try:
            return condition.holds({**variables(), "asker": facts})
        except ExpressionFailed:
            return False


def asker() -> Asker:
    """Who asks."""
    asks = principal()
    entered = parts().directory.now().participants.get(asks.participant)
    return Asker(
        user=asks.user,
        participant=asks.participant,
        access=asks.access,
        roles=entered.roles if entered is not None else (),
        groups=entered.groups if entered is not None else (),
        specifications=asks.specifications,
    )


def may_see(case: Case) -> bool:
    """Whether who asks may know of a case; what is hidden from him is noted."""
    if asker().sees(case, parts()):
        return True
    context().hidden = True
    return False


def check_start(specification: Specification, data: Mapping[str, Any]) -> None:
    """Raises `Forbidden` (`start_not_allowed`) unless who asks may start this case."""
    given = {**specification.main.nulls, **data}
    if not asker().meets(specification.access.start, lambda: given):
        raise Forbidden(f"{specification.id} lets {principal().user} start no such case", code="start_not_allowed")


def check_steering(case: Case) -> None:
    """Raises `Forbidden` (`steering_not_allowed`) unless who asks may steer this case."""
    specification = parts().definitions.get(case.specification, case.specification_version)
    if not asker().meets(specification.access.steer, lambda: _variables(case, parts())):
        raise Forbidden(f"case {case.id} is not for {principal().user} to steer", code="steering_not_allowed")


def check_reach(specification: str) -> None:
    """Raises `NotFound` (`specification_not_found`) for a specification that who asks is not entered for."""
    if not principal().reaches(specification):
        context().hidden = True
        raise NotFound(f"no specification {specification}", code="specification_not_found")


def _variables(case: Case, of: Parts) -> Mapping[str, Any]:
    """What conditions are about: the variables of the root case, of which those below it are parts."""
    root = case
    if case.parent is not None:
        found = of.store.case(root_of(case.id)) if CASE_ID.fullmatch(case.id) else None
        root = found or of.archive.case(root_of(case.id)) or case
    written = of.definitions.get(root.specification, root.specification_version)
    return {**written.main.nulls, **root.data}
