"""Exception handling primitives: what an exlet is made of (Russell et al., CAiSE 2006; Adams et al., CoopIS 2007).

Each is an action on a target: the item at which the exception was raised, its case, the cases above it, or all cases
of the specification.
"""

from enum import StrEnum
from typing import Any

from msgspec import Struct


class Action(StrEnum):
    """What is done."""

    SUSPEND = "suspend"
    CONTINUE = "continue"
    REMOVE = "remove"
    RESTART = "restart"
    COMPLETE = "complete"
    FAIL = "fail"
    SKIP = "skip"
    REOFFER = "reoffer"
    REALLOCATE = "reallocate"
    ESCALATE = "escalate"
    COMPENSATE = "compensate"
    ROLLBACK = "rollback"


class Target(StrEnum):
    """On what it is done. `ALL` are all cases of the specification."""

    ITEM = "item"
    CASE = "case"
    ANCESTORS = "ancestors"
    ALL = "all"


class Primitive(Struct, array_like=True, frozen=True):
    """One step of an exlet. `detail` is what else was written: people, worklets, a point to roll back to."""

    action: Action
    target: Target = Target.ITEM
    detail: Any = None


Exlet = tuple[Primitive, ...]

TARGETS: dict[Action, frozenset[Target]] = {
    **dict.fromkeys((Action.SUSPEND, Action.CONTINUE, Action.REMOVE), frozenset(Target)),
    Action.FAIL: frozenset({Target.ITEM, Target.CASE}),
    **dict.fromkeys((Action.RESTART, Action.COMPLETE, Action.SKIP), frozenset({Target.ITEM})),
    **dict.fromkeys((Action.REOFFER, Action.REALLOCATE, Action.ESCALATE), frozenset({Target.ITEM})),
    **dict.fromkeys((Action.COMPENSATE, Action.ROLLBACK), frozenset({Target.CASE})),
}
"""What an action may be done to."""

SETTLING = frozenset(
    {
        Action.REMOVE, Action.RESTART, Action.COMPLETE, Action.FAIL, Action.SKIP, Action.REOFFER, Action.REALLOCATE,
        Action.ESCALATE,
    }
)  # fmt: skip
"""What decides what becomes of the item: after it nothing more can be done to that item."""

ENDING = frozenset({(Action.FAIL, Target.CASE)}) | {
    (Action.REMOVE, target) for target in (Target.CASE, Target.ANCESTORS, Target.ALL)
}
"""What an exlet ends with: the case is over."""
