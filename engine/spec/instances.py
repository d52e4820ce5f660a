"""Multiple instances as written, compiled."""

from collections.abc import Mapping
from typing import Any

from engine.data.mapping import Source
from engine.spec.data import DataCompiler, hidden, is_constant
from engine.spec.diagnostics import DocumentPath, Report, did_you_mean
from engine.spec.model import Gather, Instances, OnFailure, OnThreshold, Variable
from engine.spec.shape import MOST_INSTANCES, RESERVED_VARIABLES

COUNTERS = "instances"
"""Under this name a threshold sees how the instances stand: `total`, `completed`, `failed`, `cancelled`, `active`."""

ELEMENT = "instance"


class InstancesCompiler:
    """Compiles the `instances` of tasks. The report says what is wrong with them."""

    def __init__(self, report: Report, data: DataCompiler) -> None:
        self._report = report
        self._data = data

    def instances(
        self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> Instances | None:
        """The multiple instances of a task."""
        if "instances" not in written:
            return None
        body, place = written["instances"], (*path, "instances")
        if "output" in written:
            message = "a task of multiple instances gives what its instances gave: write `gather` in `instances`"
            self._report.error((*path, "output"), message, at_key=True)
        element, index = self._names(body, variables, place)
        each, count = self._how_many(body, variables, place)
        least, most = body.get("min", 0), body.get("max", MOST_INSTANCES)
        if least > most:
            self._report.error((*place, "min"), f"at least {least} and at most {most} cannot be")
        threshold, awaited = self._threshold(body, variables, place)
        if not awaited and "on_threshold" in body:
            self._report.error((*place, "on_threshold"), "nothing is waited for: the instances go on", at_key=True)
        return Instances(
            each=each,
            count=count,
            element=element,
            index=index,
            least=least,
            most=most,
            threshold=threshold,
            awaited=awaited,
            dynamic=body.get("creation") == "dynamic",
            on_threshold=OnThreshold(body.get("on_threshold", "cancel")) if awaited else OnThreshold.KEEP,
            on_failure=OnFailure(body.get("on_failure", "fail")),
            gathers=self._gathers(body, variables, place),
        )

    def visible(self, written: Mapping[str, Any], variables: Mapping[str, Variable]) -> Mapping[str, Variable]:
        """What an instance sees: the variables of the net, its element and its index."""
        if "instances" not in written:
            return variables
        element = written["instances"].get("as", ELEMENT)
        index = written["instances"].get("index", f"{element}_index")
        return {**variables, element: Variable(element), index: Variable(index)}

    def _names(self, body: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath) -> tuple[str, str]:
        element = body.get("as", ELEMENT)
        index = body.get("index", f"{element}_index")
        for key, name in (("as", element), ("index", index)):
            if name in variables:
                self._report.error((*path, key), f'"{name}" is a variable of the net already')
            elif name in RESERVED_VARIABLES:
                self._report.error((*path, key), f'"{name}" is a name of the language and cannot be used here')
        if element == index:
            self._report.error((*path, "index"), f'"{index}" is the name of the element already')
        return element, index

    def _how_many(
        self, body: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> tuple[Source | None, Any]:
        if ("each" in body) == ("count" in body):
            self._report.error(path, "must have either each (a list) or count")
            return None, None
        if "each" in body:
            source = self._data.source(body["each"], (*path, "each"), variables)
            if is_constant(body["each"]) and not isinstance(source.value, list):
                self._report.error((*path, "each"), "must be a list, or a path or expression that gives one")
            return source, None
        return None, self._data.expression(str(body["count"]), (*path, "count"), variables)

    def _threshold(
        self, body: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> tuple[Any, bool]:
        threshold = body.get("threshold", "all")
        if threshold in ("all", "none"):
            return None, threshold == "all"
        if isinstance(threshold, int):
            return threshold, True
        counted = {**variables, COUNTERS: Variable(COUNTERS)}
        return self._data.expression(threshold, (*path, "threshold"), counted), True

    def _gathers(
        self, body: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> tuple[Gather, ...]:
        written = body.get("gather", [])
        listed = written if isinstance(written, list) else [written]
        gathers: list[Gather] = []
        for number, each in enumerate(listed):
            place = (*path, "gather", number) if isinstance(written, list) else (*path, "gather")
            name = each["variable"]
            if name in variables and not variables[name].visible:
                self._report.error((*place, "variable"), hidden(name))
            if name not in variables:
                hint = did_you_mean(name, variables)
                self._report.error((*place, "variable"), f'no variable named "{name}"{hint}')
                continue
            if any(name == other.variable for other in gathers):
                self._report.error((*place, "variable"), f'"{name}" is gathered a second time')
            source = self._data.source(each.get("from", "$"), (*place, "from"), variables, sees_output=True)
            gathers.append(Gather(name, source, each.get("with", "list"), variables[name].schema))
        return tuple(gathers)
