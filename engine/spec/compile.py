"""From a document of the right shape to the compiled specification: names, types, expressions and rules are checked.

Everything that is wrong is reported, not only the first thing; what is returned is only meant for use when nothing
was.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from engine.data.callbacks import tasks_named, with_items
from engine.data.expressions import Expression
from engine.data.mapping import Source
from engine.data.schemas import check_definitions
from engine.spec import detours
from engine.spec.control_flow import ControlFlowCompiler, kinds_of
from engine.spec.data import DataCompiler
from engine.spec.diagnostics import DocumentPath, Report, did_you_mean
from engine.spec.flows import check_reach, read_control_flow
from engine.spec.handlers import HandlersCompiler, check_compensations
from engine.spec.instances import InstancesCompiler
from engine.spec.model import (
    DEFAULT_MAX_DEPTH,
    END,
    START,
    Call,
    CaseAccess,
    Decomposition,
    Dialect,
    Join,
    Kind,
    Net,
    Retry,
    Specification,
    Task,
    Variable,
    When,
)
from engine.spec.people import PeopleCompiler, remembered
from engine.spec.timers import TimerCompiler
from engine.spec.variables import VariablesCompiler, seen_by

ConfigProblems = Sequence[tuple[tuple[str | int, ...], str]]
CheckConfig = Callable[[str, Mapping[str, Any]], ConfigProblems]
"""Checks the configuration of a connector by its name; an unknown name is a problem with the path `("connector",)`."""

DEFAULT_TIMEOUT_S = 30.0
LONGEST_TIMEOUT_S = 3600

ASKER = "asker"
"""What conditions about access call who asks: `{user, participant, access, roles, groups}`."""

_SECRET = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")


def compile_specification(
    document: Mapping[str, Any], report: Report, check_config: CheckConfig | None = None
) -> Specification:
    """The specification of a document whose shape is right."""
    return _Compiler(document, report, check_config).specification()


class _Compiler:
    """Compiles one document. The report says what is wrong with it."""

    def __init__(self, document: Mapping[str, Any], report: Report, check_config: CheckConfig | None) -> None:
        self._document = document
        self._report = report
        self._check_config = check_config
        self._dialect = Dialect(document.get("jsonpath", "rw"))
        self._definitions: Mapping[str, Any] = document.get("schemas", {})
        self._data = DataCompiler(report, self._dialect, self._definitions)

    def specification(self) -> Specification:
        document, report = self._document, self._report
        for invalid in check_definitions(self._definitions):
            report.error(("schemas", *invalid.path), invalid.reason)
        if report.errors:
            # What refers to a broken schema would only repeat its error.
            self._definitions = dict.fromkeys(self._definitions, True)
        self._data = DataCompiler(report, self._dialect, self._definitions)
        self._handlers = HandlersCompiler(report, self._data, document["nets"])
        nets = document["nets"]
        root = document.get("root", "main")
        if root not in nets:
            path: DocumentPath = ("root",) if "root" in document else ("nets",)
            report.error(path, f'no net named "{root}"{did_you_mean(root, nets)}')
        compiled = {name: self._net(name, body) for name, body in nets.items()}
        return Specification(
            id=document["specification"],
            version=document["version"],
            root=root,
            nets=compiled,
            document=document,
            dialect=self._dialect,
            title=document.get("title"),
            max_depth=document.get("max_depth", DEFAULT_MAX_DEPTH),
            deadline=self._deadline(compiled.get(root)),
            handlers=self._handlers.handlers(document, compiled[root].variables if root in compiled else {}, ()),
            access=self._access(compiled.get(root)),
        )

    def _access(self, root: Net | None) -> CaseAccess:
        """Who may do what with cases: conditions over the variables of the root net, and over who asks."""
        known = {**(root.variables if root is not None else {}), ASKER: Variable(ASKER)}
        written = self._document.get("access", {})
        conditions = {name: self._data.expression(text, ("access", name), known) for name, text in written.items()}
        if ASKER in (root.variables if root is not None else {}) and conditions:
            self._report.error(("access",), f'"{ASKER}" is who asks, so the root net can have no variable of that name')
        return CaseAccess(**conditions)

    # -- nets and tasks ----------------------------------------------------------------------------------------

    def _net(self, name: str, body: Mapping[str, Any]) -> Net:
        path: DocumentPath = ("nets", name)
        variables = VariablesCompiler(self._report, self._data, body, path).variables()
        implicit = body.get("termination") == "implicit"
        before = len(self._report.errors)
        flow = read_control_flow(body, path, self._report)
        check_compensations(body["tasks"], path, self._report)
        if len(self._report.errors) == before:
            # What cannot be reached because of a wrong name would only repeat that error.
            check_reach(flow, body, path, self._report, implicit=implicit)
        control = ControlFlowCompiler(self._report, self._data, flow, body)
        tasks = {
            task: self._task(task, index, written, control, seen_by(task, variables), (*path, "tasks", task), name)
            for index, (task, written) in enumerate(body["tasks"].items())
        }
        consumers: dict[str, list[Task]] = {}
        places = {START: None, END: None} | dict.fromkeys(flow.conditions)
        for each in tasks.values():
            for place in each.inputs:
                consumers.setdefault(place, []).append(each)
            places |= dict.fromkeys(arc.place for arc in each.flows)
        return Net(
            name=name,
            variables=variables,
            tasks=tasks,
            places=tuple(places),
            consumers={place: tuple(found) for place, found in consumers.items()},
            watched=frozenset(place for place, found in consumers.items() if any(map(_waits, found))),
            nulls=dict.fromkeys(variables),
            implicit_termination=implicit,
            or_joins=tuple(each for each in tasks.values() if each.join is Join.OR),
            mutexes=_by((each.mutex, each) for each in tasks.values()),
            triggers=_by((each.trigger.name if each.trigger else None, each) for each in tasks.values()),
            guarded=tuple(each for each in tasks.values() if each.requires is not None),
            awaited=_awaited(tasks.values()),
            shared={variable: each for variable, each in variables.items() if each.shared is not None},
            handlers=self._handlers.handlers(body, variables, path, net=name),
            searched=tuple(variable for variable, each in variables.items() if each.search),
            remembered=remembered(tasks.values()),
            early=tuple(each for each in tasks.values() if each.offer is not None and each.offer.early),
            requires=self._assertion("requires", body, seen_by(None, variables), path),
            ensures=self._assertion("ensures", body, seen_by(None, variables), path),
        )

    def _deadline(self, main: Net | None) -> When | None:
        """Until when a case is to be complete."""
        if "deadline" not in self._document or main is None:
            return None
        variables = seen_by(None, main.variables)
        return TimerCompiler(self._report, self._data).when(self._document["deadline"], variables, ("deadline",))

    def _task(
        self,
        name: str,
        index: int,
        written: Mapping[str, Any],
        control: ControlFlowCompiler,
        variables: Mapping[str, Variable],
        path: DocumentPath,
        net: str,
    ) -> Task:
        kind = Kind(written["kind"])
        self._check_keys(kind, written, path)
        instances = InstancesCompiler(self._report, self._data)
        seen = instances.visible(written, variables)
        timers = TimerCompiler(self._report, self._data)
        people = PeopleCompiler(self._report, self._data, self._document["nets"][path[1]])
        join = control.join(name, written, path)
        split = control.split(name, written, variables, path)
        return Task(
            name=name,
            index=index,
            kind=kind,
            join=join.join,
            split=split.split,
            inputs=control.inputs(name),
            flows=split.flows,
            title=written.get("title"),
            input=self._data.input(written, seen, path),
            output=self._data.output(written, variables, path),
            call=self._call(written, seen, path) if kind is Kind.AUTOMATED else None,
            offer=people.offer(written, seen, path),
            interaction=people.interaction(written, path),
            allocator=people.allocator(written),
            constraints=people.constraints(written, path),
            form=self._data.schema(written["form"], (*path, "form")) if "form" in written else None,
            priority=self._priority(written, seen, path),
            needed=join.needed,
            partial=join.partial,
            resets=join.resets,
            threads=split.threads,
            cancels=control.region(written["cancels"], (*path, "cancels")) if "cancels" in written else None,
            completes=control.completes(written, path),
            loop=control.loop(written, variables, path),
            mutex=written.get("mutex"),
            trigger=control.trigger(written),
            timers=timers.timers(written, variables, path),
            delay=timers.delay(written, variables, path),
            instances=instances.instances(written, variables, path),
            decomposition=self._decomposition(written, path) if kind is Kind.COMPOSITE else None,
            requires=self._assertion("requires", written, variables, path),
            ensures=self._assertion("ensures", written, variables, path),
            handlers=self._handlers.handlers(written, variables, path, net=net, kind=kind),
            compensation=written.get("compensation"),
            privileges=detours.privileges(written),
            visibility=detours.visibility(written),
            due=timers.due(written, seen, path),
            search=self._search(written, path),
            also=self._also(written, variables, path),
        )

    def _also(
        self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> tuple[Source, ...]:
        """The further resources that are engaged while an item is worked on."""
        listed = written.get("also", [])
        names = listed if isinstance(listed, list) else [listed]
        return tuple(self._data.source(each, (*path, "also"), variables) for each in names)

    def _search(self, written: Mapping[str, Any], path: DocumentPath) -> tuple[str, ...]:
        """The keys of the input by whose values an item is found."""
        for index, key in enumerate(written.get("search", ())):
            if key not in written.get("input", {}):
                message = f'no key "{key}" in the input{did_you_mean(key, written.get("input", {}))}'
                self._report.error((*path, "search", index), message)
        return tuple(written.get("search", ()))

    def _assertion(
        self, key: str, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> Expression | None:
        """The pre- or postcondition of a task or a net."""
        return self._data.expression(written[key], (*path, key), variables) if key in written else None

    def _check_keys(self, kind: Kind, written: Mapping[str, Any], path: DocumentPath) -> None:
        """Reports keys that tasks of this kind do not have."""
        for key in written:
            kinds = kinds_of(key)
            if kinds is not None and kind not in kinds:
                owners = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if kinds[1:] else kinds)
                self._report.error((*path, key), f'"{key}" is for {owners} tasks, and this one is {kind}', at_key=True)
        if kind is Kind.ROUTING and "output" in written and "trigger" not in written:
            message = "a routing task gives nothing back, unless it waits for a trigger"
            self._report.error((*path, "output"), message, at_key=True)

    def _decomposition(self, written: Mapping[str, Any], path: DocumentPath) -> Decomposition | None:
        """What a composite task runs. Its input must be what the net, where it is of this document, takes."""
        picked = written.get("worklet", False)
        runs = ("net" in written) + ("specification" in written)
        if picked and not runs:
            return Decomposition(picked=True)
        if runs != 1:
            message = "a composite task must have either net or specification"
            self._report.error(path, message if not picked else f"{message} for when no rule picks one", at_key=True)
            return None
        if "specification" in written:
            other = written["specification"]
            return Decomposition(specification=other["id"], version=other.get("version"), picked=picked)
        nets = self._document["nets"]
        name = written["net"]
        if name not in nets:
            self._report.error((*path, "net"), f'no net named "{name}"{did_you_mean(name, nets)}')
            return None
        declared = nets[name].get("variables", {})
        inputs = [variable for variable, body in declared.items() if body.get("input")]
        given = written.get("input", {})
        for key in given:
            if key not in inputs:
                message = f'"{key}" is no input variable of net {name}{did_you_mean(key, inputs)}'
                self._report.error((*path, "input", key), message, at_key=True)
        for variable in inputs:
            if variable not in given and "default" not in declared[variable]:
                self._report.error(path, f'net {name} must be given "{variable}": add it to the input', at_key=True)
        return Decomposition(net=name, picked=picked)

    # -- what a task does --------------------------------------------------------------------------------------

    def _call(self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath) -> Call | None:
        if "connector" not in written:
            self._report.error(path, 'the key "connector" is missing: an automated task calls one', at_key=True)
            return None
        config = written.get("config", {})
        before = len(self._report.errors)
        template = self._data.template(config, (*path, "config"), variables)
        self._check_secrets(config, (*path, "config"))
        told = self._told_tasks(config, path)
        if self._check_config is not None and len(self._report.errors) == before:
            # Which item a task will have out is known only when the call is placed; its name stands for it here.
            for place, message in self._check_config(written["connector"], with_items(config, lambda name: name)):
                where = path if place == ("connector",) else (*path, "config")
                self._report.error((*where, *place), message)
        timeout = config.get("timeout_s", DEFAULT_TIMEOUT_S)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= LONGEST_TIMEOUT_S:
            # The connector has its own opinion only of what is a number.
            if len(self._report.errors) == before:
                message = f"must be a number of seconds up to {LONGEST_TIMEOUT_S}, written out: it is no template"
                self._report.error((*path, "config", "timeout_s"), message)
            timeout = DEFAULT_TIMEOUT_S
        return Call(written["connector"], template, float(timeout), _retry(written.get("retry", {})), told)

    def _told_tasks(self, config: Any, path: DocumentPath) -> bool:
        """Whether a configuration asks for callback URLs of tasks, which must be automated ones of the same net."""
        named = list(tasks_named(config, (*path, "config")))
        tasks = self._document["nets"][path[1]]["tasks"]
        for place, name in named:
            task = tasks.get(name) if isinstance(name, str) else None
            if task is None:
                self._report.error(place, f'no task named "{name}" in this net{did_you_mean(str(name), tasks)}')
            elif task.get("kind") != Kind.AUTOMATED or "instances" in task:
                self._report.error(place, f'"{name}" must be an automated task without instances to be called back')
        return bool(named)

    def _check_secrets(self, value: Any, path: DocumentPath) -> None:
        if isinstance(value, dict):
            if set(value) == {"secret"} and not (
                isinstance(value["secret"], str) and _SECRET.fullmatch(value["secret"])
            ):
                self._report.error((*path, "secret"), "must be the name of a secret (letters, digits, _ . -)")
            for key, each in value.items():
                self._check_secrets(each, (*path, key))
        elif isinstance(value, list):
            for index, each in enumerate(value):
                self._check_secrets(each, (*path, index))

    def _priority(
        self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> Expression | None:
        if "priority" not in written:
            return None
        return self._data.expression(str(written["priority"]), (*path, "priority"), variables)


def _retry(written: Mapping[str, Any]) -> Retry:
    plain = Retry()
    return Retry(
        attempts=written.get("attempts", plain.attempts),
        backoff_s=float(written.get("backoff_s", plain.backoff_s)),
        factor=float(written.get("factor", plain.factor)),
        max_s=float(written.get("max_s", plain.max_s)),
        # YAML reads a status as a number.
        on=tuple(str(each) for each in written.get("on", plain.on)),
    )


def _waits(task: Task) -> bool:
    """Whether a task that can take its tokens may wait before it does."""
    return task.kind is Kind.HUMAN or task.delay is not None


def _awaited(tasks: Iterable[Task]) -> dict[str, tuple[str, ...]]:
    """The places before the tasks whose precondition names a variable, by variable."""
    found: dict[str, tuple[str, ...]] = {}
    for task in tasks:
        for variable in task.requires.variables if task.requires is not None else ():
            found[variable] = (*found.get(variable, ()), *task.inputs)
    return found


def _by(named_tasks: Iterable[tuple[str | None, Task]]) -> dict[str, tuple[Task, ...]]:
    """Tasks by the name that some of them have."""
    found: dict[str, tuple[Task, ...]] = {}
    for name, task in named_tasks:
        if name is not None:
            found[name] = (*found.get(name, ()), task)
    return found
