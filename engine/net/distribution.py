"""Distribution: the question to whom an item goes, with all that the case itself knows about it.

Who there is, the case does not know; what earlier work in it says (four eyes, retain familiar, case handling) it does.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.case import Performers
from engine.data.mapping import read_names
from engine.draft import Draft
from engine.effects import Distribute
from engine.items.work_item import ItemState
from engine.resources.filters import resolved
from engine.spec.model import Initiator, Interaction, Offer, Task

NOBODY = Performers()


def question(
    draft: Draft,
    task: Task,
    item: str,
    data: Mapping[str, Any],
    *,
    without: tuple[str, ...] = (),
    among: tuple[str, ...] | None = None,
    while_in: frozenset[ItemState] | None = None,
) -> Distribute:
    """Asks to whom an item goes. `data` is what its offer sees. Raises `ValidationFailed`, `ExpressionFailed`.

    `without` are those who may not have it, `among` the only ones who may.
    """
    offer, constraints = task.offer or Offer(), task.constraints
    familiar = familiar_with(draft, task)
    return Distribute(
        item,
        task.name,
        roles=read_names("offer.roles", offer.roles, data),
        participants=read_names("offer.participants", offer.participants, data),
        positions=read_names("offer.positions", offer.positions, data),
        groups=read_names("offer.groups", offer.groups, data),
        capabilities=read_names("offer.capabilities", offer.capabilities, data),
        interaction=task.interaction,
        specification=draft.case.specification,
        at=draft.at,
        filter=resolved(offer.filter, data, draft.at) if offer.filter is not None else None,
        without=(*without, *sorted(separated_from(draft, task))),
        only=among if among is not None else familiar or None,
        handler=draft.case.handler if constraints.handled and among is None else None,
        ranked_by=offer.ranked_by,
        top=offer.top,
        allocator=task.allocator,
        most_in_hand=offer.late.workload_below if offer.late is not None else None,
        while_in=while_in,
        otherwise=among is None and constraints.otherwise,
        data=data,
    )


def escalation(draft: Draft, task: Task, item: str, offer: Offer) -> Distribute:
    """Asks to whom an item goes that was not done in time, whoever has it. Raises as `question` does."""
    return question(draft, replace(task, offer=offer, interaction=Interaction()), item, draft.variables)


def by_system(interaction: Interaction) -> Interaction:
    """The same, but for that the system allocates."""
    return Interaction(interaction.offer, Initiator.SYSTEM, interaction.start)


def separated_from(draft: Draft, task: Task) -> frozenset[str]:
    """Who may not do a task, because they had to do with one that others must do (separation of duties, WRP-5)."""
    performers = (draft.case.performers.get(name, NOBODY) for name in task.constraints.separate_from)
    return frozenset(name for each in performers for name in (*each.started, *each.completed))


def familiar_with(draft: Draft, task: Task) -> tuple[str, ...]:
    """Who is to do a task, because they completed the one before it (retain familiar, WRP-7)."""
    name = task.constraints.familiar_with
    return draft.case.performers.get(name, NOBODY).completed if name is not None else ()
