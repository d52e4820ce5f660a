"""Timers, delays and deadlines as written, compiled."""

from collections.abc import Mapping
from typing import Any

from engine.calendars import is_timezone, supported
from engine.data.mapping import Source
from engine.data.moments import MomentInvalid, duration, moment
from engine.spec.data import DataCompiler, is_constant
from engine.spec.diagnostics import DocumentPath, Report
from engine.spec.model import Kind, Offer, Timer, TimerAction, TimerStart, Variable, When, Workdays


class TimerCompiler:
    """Compiles when something is due. The report says what is wrong with it."""

    def __init__(self, report: Report, data: DataCompiler) -> None:
        self._report = report
        self._data = data

    def timers(
        self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> tuple[Timer, ...]:
        """The timers of a task."""
        if "timer" not in written:
            return ()
        if written["kind"] == Kind.ROUTING:
            message = "a routing task takes no time; give it a `delay`"
            self._report.error((*path, "timer"), message, at_key=True)
        listed = written["timer"] if isinstance(written["timer"], list) else [written["timer"]]
        timers = []
        for index, each in enumerate(listed):
            place = (*path, "timer", index) if isinstance(written["timer"], list) else (*path, "timer")
            when = self.when(each, variables, place)
            action, offer = self._action(written, each["then"], variables, (*place, "then"))
            if when is not None:
                timers.append(Timer(TimerStart(each.get("trigger", "enabled")), when, action, offer))
        return tuple(timers)

    def due(self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath) -> When | None:
        """When the items of a task are due, counted from when they are made."""
        if "due" not in written:
            return None
        when = self.when(written["due"], variables, (*path, "due"))
        if when is not None and when.workdays is not None:
            self._report.error((*path, "due"), "working days count in a timer, not here", at_key=True)
        return when

    def _action(
        self, task: Mapping[str, Any], written: Any, variables: Mapping[str, Variable], path: DocumentPath
    ) -> tuple[TimerAction, Offer | None]:
        """What a timer does; of one that escalates also to whom."""
        if isinstance(written, str):
            return TimerAction(written), None
        if len(written) != 1:
            self._report.error(path, "must have either exception or escalate")
            return TimerAction.REMIND, None
        if "exception" in written:
            return TimerAction.EXCEPTION, None
        if task["kind"] != Kind.HUMAN or "instances" in task:
            self._report.error((*path, "escalate"), "only the single item of a person is escalated", at_key=True)
        whom = written["escalate"] if isinstance(written["escalate"], dict) else {"roles": written["escalate"]}
        named = {part: self._names(whom, part, variables, path) for part in whom}
        if not named:
            self._report.error((*path, "escalate"), "must name somebody: roles, participants, positions or groups")
        return TimerAction.ESCALATE, Offer(
            roles=named.get("roles", ()),
            participants=named.get("participants", ()),
            positions=named.get("positions", ()),
            groups=named.get("groups", ()),
            capabilities=named.get("capabilities", ()),
        )

    def _names(
        self, whom: Mapping[str, Any], part: str, variables: Mapping[str, Variable], path: DocumentPath
    ) -> tuple[Source, ...]:
        written = whom[part] if isinstance(whom[part], list) else [whom[part]]
        return tuple(self._data.source(each, (*path, "escalate", part), variables) for each in written)

    def delay(self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath) -> When | None:
        """How long a task that starts by itself waits."""
        if "delay" not in written:
            return None
        if written["kind"] == Kind.HUMAN:
            self._report.error((*path, "delay"), "a person starts this task, when he likes", at_key=True)
        if "trigger" in written:
            message = "a task waits for a trigger or for a delay: put a routing task before it"
            self._report.error((*path, "delay"), message, at_key=True)
        return self.when(written["delay"], variables, (*path, "delay"))

    def when(self, written: Any, variables: Mapping[str, Variable], path: DocumentPath) -> When | None:
        """A moment, or how long to wait for it."""
        if isinstance(written, str):
            return When(after=self._source(written, variables, path, "after"))
        if ("after" in written) == ("at" in written):
            self._report.error(path, "must have either after (a duration) or at (a moment)")
            return None
        workdays = self._workdays(written, path)
        if "at" in written:
            if workdays is not None:
                message = "a moment is what it is; working days count in a duration"
                self._report.error((*path, "workdays"), message, at_key=True)
            return When(at=self._source(written["at"], variables, (*path, "at"), "at"))
        return When(after=self._source(written["after"], variables, (*path, "after"), "after"), workdays=workdays)

    def _source(self, written: Any, variables: Mapping[str, Variable], path: DocumentPath, kind: str) -> Source:
        source = self._data.source(written, path, variables)
        if is_constant(written):
            try:
                (duration if kind == "after" else moment)(str(source.value))
            except MomentInvalid as invalid:
                self._report.error(path, str(invalid))
        return source

    def _workdays(self, written: Mapping[str, Any], path: DocumentPath) -> Workdays | None:
        workdays = written.get("workdays", False)
        if isinstance(workdays, bool):
            return Workdays() if workdays else None
        country, subdivision = workdays.get("country"), workdays.get("subdivision")
        timezone = workdays.get("timezone", "UTC")
        if country is None and subdivision is not None:
            self._report.error((*path, "workdays"), f"says of no country that {subdivision} is a part of it")
        elif country is not None and not supported(country, subdivision):
            part = f" with a part {subdivision}" if subdivision is not None and supported(country, None) else ""
            self._report.error((*path, "workdays"), f"there is no calendar of {country}{part}")
        if not is_timezone(timezone):
            self._report.error((*path, "workdays", "timezone"), f"there is no time zone {timezone}")
        return Workdays(country, subdivision, timezone)
