"""Who does a human task, as written: the offer with its filter, the allocator, and the constraints, compiled."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.data.mapping import Source
from engine.data.moments import MomentInvalid, duration, later, moment
from engine.resources.allocators import BuiltIn
from engine.resources.filters import (
    PARTICIPANT,
    All,
    Available,
    Experience,
    Filter,
    Holding,
    Holds,
    Is,
    Not,
    Of,
    Relation,
    Reports,
    Some,
    Workload,
)
from engine.resources.organisation import Unit
from engine.spec.data import DataCompiler, is_constant
from engine.spec.diagnostics import DocumentPath, Report, did_you_mean
from engine.spec.model import (
    Constraints,
    Initiator,
    Interaction,
    Kind,
    Late,
    Offer,
    OnOfferTimeout,
    Task,
    Variable,
)
from engine.spec.shape import (
    FILTER,
    FILTER_AVAILABLE,
    FILTER_CAPABILITY,
    FILTER_HISTORY,
    FILTER_POSITION,
    FILTER_WORKLOAD,
    SOURCES,
    Shape,
    named,
)

DEEPEST_FILTER = 20
"""How deep filters stand within filters: what a person can still read."""

Variables = Mapping[str, Variable]


class PeopleCompiler:
    """Compiles what the tasks of one net say of people. The report says what is wrong with it."""

    def __init__(self, report: Report, data: DataCompiler, net: Mapping[str, Any]) -> None:
        self._report = report
        self._data = data
        self._net = net

    def offer(self, written: Mapping[str, Any], variables: Variables, path: DocumentPath) -> Offer | None:
        """To whom the items of a task are offered."""
        offer = written.get("offer")
        if offer is None:
            return None
        place = (*path, "offer")
        sources = {part: self._sources(offer.get(part, []), (*place, part), variables) for part in _PARTS}
        self._check_offer(written, offer, place)
        return Offer(
            roles=sources["roles"],
            participants=sources["participants"],
            positions=sources["positions"],
            groups=sources["groups"],
            capabilities=sources["capabilities"],
            filter=self._filter(offer["filter"], (*place, "filter"), variables, 0) if "filter" in offer else None,
            ranked_by=_allocator(offer["rank"]) if "rank" in offer else None,
            top=offer.get("top"),
            timeout=self._duration(offer, "timeout", place),
            on_timeout=OnOfferTimeout(offer.get("on_timeout", "allocate")),
            late=self._late(offer, place),
            early=offer.get("early", False),
        )

    def interaction(self, written: Mapping[str, Any], path: DocumentPath) -> Interaction:
        """Who offers, allocates and starts."""
        interaction = written.get("interaction", {})
        allocate = Initiator(interaction.get("allocate", "system" if "allocate" in written else "user"))
        return Interaction(
            Initiator(interaction.get("offer", "system")), allocate, Initiator(interaction.get("start", "user"))
        )

    def allocator(self, written: Mapping[str, Any]) -> str:
        """The allocator of a task, also for when nobody accepts its offer in time."""
        return _allocator(written.get("allocate", BuiltIn.RANDOM))

    def constraints(self, written: Mapping[str, Any], path: DocumentPath) -> Constraints:
        """What earlier work says of who may do a task."""
        if written["kind"] != Kind.HUMAN:
            return Constraints()
        constraints, place = written.get("constraints", {}), (*path, "constraints")
        separate = constraints.get("separate_from", [])
        listed = separate if isinstance(separate, list) else [separate]
        for index, name in enumerate(listed):
            at = (*place, "separate_from", index) if isinstance(separate, list) else (*place, "separate_from")
            self._check_task(name, at, str(path[-1]))
        familiar = constraints.get("familiar_with")
        otherwise = False
        if isinstance(familiar, dict):
            otherwise = familiar.get("otherwise") == "offer"
            familiar = familiar["task"]
            self._check_task(familiar, (*place, "familiar_with", "task"), str(path[-1]))
        elif familiar is not None:
            self._check_task(familiar, (*place, "familiar_with"), str(path[-1]))
        if familiar is not None and familiar in listed:
            message = f'nobody is left: who did "{familiar}" is both the only one who may and one who may not'
            self._report.error((*place, "familiar_with"), message)
        if constraints and "offer" not in written:
            message = "nobody is looked for without an offer: add one (`offer: {}` means everybody)"
            self._report.error(place, message, at_key=True)
        handled = constraints.get("case_handling", self._net.get("case_handling", False))
        return Constraints(tuple(listed), familiar, otherwise, handled and "offer" in written)

    # -- the offer -------------------------------------------------------------------------------------------------

    def _check_offer(self, written: Mapping[str, Any], offer: Mapping[str, Any], place: DocumentPath) -> None:
        """Reports what makes no sense beside the rest."""
        interaction = written.get("interaction", {})
        if "rank" in offer and "top" not in offer:
            message = 'says who comes first, and not how many of them: add "top"'
            self._report.error((*place, "rank"), message, at_key=True)
        if "on_timeout" in offer and "timeout" not in offer:
            message = 'says what happens when nobody accepts in time, and not when that is: add "timeout"'
            self._report.error((*place, "on_timeout"), message, at_key=True)
        for key in ("timeout", "top", "late", "early"):
            if key in offer and interaction.get("offer") == "user":
                message = "an administrator offers these items: the system can do nothing of the kind"
                self._report.error((*place, key), message, at_key=True)
        for key in ("timeout", "late", "early"):
            if key in offer and "instances" in written:
                message = (
                    "is not for a task with several instances: put it into a net of its own, and that into instances"
                )
                self._report.error((*place, key), message, at_key=True)
        if "top" in offer and ("allocate" in written or interaction.get("allocate") == "system"):
            message = "the system gives each item to one person: leave out `allocate`, or this"
            self._report.error((*place, "top"), message, at_key=True)
        if "early" in offer and "late" in offer:
            self._report.error((*place, "late"), "it cannot be shown both early and late", at_key=True)

    def _late(self, offer: Mapping[str, Any], place: DocumentPath) -> Late | None:
        if "late" not in offer:
            return None
        late, at = offer["late"], (*place, "late")
        if ("after" in late) == ("workload_below" in late):
            self._report.error(at, "must have either after (a duration) or workload_below (a number of items)")
            return None
        if "every" in late and "workload_below" not in late:
            self._report.error((*at, "every"), "says how often who has time is looked for: it needs workload_below")
        every = self._duration(late, "every", at) or "PT1M"
        return Late(self._duration(late, "after", at), late.get("workload_below"), every)

    def _duration(self, written: Mapping[str, Any], key: str, place: DocumentPath) -> str | None:
        if key not in written:
            return None
        try:
            if later(0, written[key]) == 0:
                self._report.error((*place, key), "is no time at all")
        except MomentInvalid as invalid:
            self._report.error((*place, key), str(invalid))
        return str(written[key])

    def _sources(self, values: Any, place: DocumentPath, variables: Variables) -> tuple[Source, ...]:
        if not isinstance(values, list):
            return (self._name_source(values, place, variables),)
        return tuple(self._name_source(each, (*place, index), variables) for index, each in enumerate(values))

    def _name_source(self, written: Any, path: DocumentPath, variables: Variables) -> Source:
        source = self._data.source(written, path, variables)
        if is_constant(written) and not isinstance(source.value, str):
            self._report.error(path, f"must be a name or a path, not {named(source.value)}")
        return source

    def _check_task(self, name: str, path: DocumentPath, own: str) -> None:
        tasks = self._net["tasks"]
        if name not in tasks:
            self._report.error(path, f'no task named "{name}" in this net{did_you_mean(name, tasks)}')
        elif name == own:
            self._report.error(path, "is this very task")
        elif tasks[name].get("kind") != Kind.HUMAN:
            self._report.error(path, f'"{name}" must be a human task: nobody does {tasks[name].get("kind")} ones')

    # -- the filter ------------------------------------------------------------------------------------------------

    def _filter(self, written: Any, path: DocumentPath, variables: Variables, depth: int) -> Filter | None:
        """A filter; several keys beside each other must all be passed. None when it is none."""
        if depth > DEEPEST_FILTER:
            self._report.error(path, f"filters stand within each other more than {DEEPEST_FILTER} deep")
            return None
        if depth and not self._fits(FILTER, written, path):
            return None
        if not written:
            self._report.error(path, f"must say who passes: {', '.join(FILTER.keys)}")
            return None
        parts = [self._part(key, written[key], (*path, key), variables, depth) for key in written if key in FILTER.keys]
        found = tuple(part for part in parts if part is not None)
        return found[0] if len(found) == 1 else All(found)

    def _part(self, key: str, written: Any, path: DocumentPath, variables: Variables, depth: int) -> Filter | None:
        match key:
            case "and" | "or":
                return self._several(key, written, path, variables, depth)
            case "not":
                part = self._filter(written, path, variables, depth + 1)
                return Not(part) if part is not None else None
            case "role" | "group":
                names = self._names(written, path, variables)
                return Of(Unit.ROLES if key == "role" else Unit.GROUPS, names)
            case "participant":
                return Is(self._names(written, path, variables))
            case "position":
                return self._position(written, path, variables)
            case "capability":
                return self._capability(written, path, variables)
            case "available":
                return self._available(written, path, variables)
            case "workload":
                if not self._fits(FILTER_WORKLOAD, written, path) or not self._bounds(written, path):
                    return None
                return Workload(written.get("at_least", 0), written.get("at_most"))
            case "history":
                return self._history(written, path)
            case _:
                if not isinstance(written, str):
                    self._report.error(path, f"must be an expression, not {named(written)}")
                    return None
                known = {**variables, PARTICIPANT: Variable(PARTICIPANT)}
                expression = self._data.expression(written, path, known)
                return Holding(expression) if expression is not None else None

    def _several(self, key: str, written: Any, path: DocumentPath, variables: Variables, depth: int) -> Filter | None:
        if not isinstance(written, list) or not written:
            self._report.error(path, f"must be a list of filters, not {named(written)}")
            return None
        parts = [self._filter(each, (*path, index), variables, depth + 1) for index, each in enumerate(written)]
        found = tuple(part for part in parts if part is not None)
        return All(found) if key == "and" else Some(found)

    def _names(self, written: Any, path: DocumentPath, variables: Variables) -> tuple[Source, ...]:
        return self._sources(written, path, variables) if self._fits(SOURCES, written, path) else ()

    def _position(self, written: Any, path: DocumentPath, variables: Variables) -> Filter | None:
        if not isinstance(written, dict) or "path" in written or "expr" in written:
            return Reports(Relation.HOLDS, self._names(written, path, variables))
        if not self._fits(FILTER_POSITION, written, path) or not written:
            return None
        relations = {"is": Relation.HOLDS, "below": Relation.BELOW, "above": Relation.ABOVE}
        parts: Sequence[Filter] = [
            Reports(relations[key], self._names(written[key], (*path, key), variables)) for key in written
        ]
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _capability(self, written: Any, path: DocumentPath, variables: Variables) -> Filter | None:
        if not isinstance(written, dict) or "path" in written or "expr" in written:
            return Of(Unit.CAPABILITIES, self._names(written, path, variables))
        if not self._fits(FILTER_CAPABILITY, written, path):
            return None

        def source(key: str) -> Source | None:
            return self._data.source(written[key], (*path, key), variables) if key in written else None

        levels = written.get("one_of", [])
        place = (*path, "one_of")
        one_of = (
            tuple(self._data.source(each, (*place, index), variables) for index, each in enumerate(levels))
            if isinstance(levels, list)
            else (self._data.source(levels, place, variables),)
        )
        return Holds(written["id"], source("at_least"), source("at_most"), one_of)

    def _available(self, written: Any, path: DocumentPath, variables: Variables) -> Filter | None:
        if isinstance(written, bool):
            # Only who is available is ever asked; `false` is everybody who is not, and so nobody.
            return Available() if written else Not(Available())
        if not self._fits(FILTER_AVAILABLE, written, path):
            return None
        if len(written) != 1:
            self._report.error(path, "must have either at (a moment) or for (a duration)")
            return None
        ((key, value),) = written.items()
        source = self._data.source(value, (*path, key), variables)
        if is_constant(value):
            try:
                (moment if key == "at" else duration)(str(source.value))
            except MomentInvalid as invalid:
                self._report.error((*path, key), str(invalid))
        return Available(at=source) if key == "at" else Available(lasting=source)

    def _history(self, written: Any, path: DocumentPath) -> Filter | None:
        if not self._fits(FILTER_HISTORY, written, path) or not self._bounds(written, path):
            return None
        if "specification" not in written:
            self._check_task(written["task"], (*path, "task"), "")
        within = self._duration(written, "within", path)
        return Experience(
            written["task"],
            written.get("specification"),
            written.get("at_least", 0 if "at_most" in written else 1),
            written.get("at_most"),
            later(0, within) if within is not None else None,
        )

    def _bounds(self, written: Mapping[str, Any], path: DocumentPath) -> bool:
        """Whether anybody can pass these bounds."""
        if "at_most" in written and written.get("at_least", 0) > written["at_most"]:
            self._report.error((*path, "at_least"), f"nobody has at least {written['at_least']} and at most fewer")
            return False
        return True

    def _fits(self, shape: Shape, written: Any, path: DocumentPath) -> bool:
        before = len(self._report.errors)
        shape.check(written, path, self._report)
        return len(self._report.errors) == before


def remembered(tasks: Iterable[Task]) -> frozenset[str]:
    """The tasks of which it is to be known who did them, because the constraints of others name them."""
    named_tasks = set[str]()
    for task in tasks:
        named_tasks.update(task.constraints.separate_from)
        if task.constraints.familiar_with is not None:
            named_tasks.add(task.constraints.familiar_with)
    return frozenset(named_tasks)


_PARTS = ("roles", "participants", "positions", "groups", "capabilities")


def _allocator(written: str | Mapping[str, str]) -> str:
    return written if isinstance(written, str) else written["plugin"]
