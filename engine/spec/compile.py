"""From a document of the right shape to the compiled specification: names, types, expressions and rules are checked.

Everything that is wrong is reported, not only the first thing; what is returned is only meant for use when nothing
was.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from engine.data.expressions import FUNCTIONS, Expression, ExpressionSyntax, Template, compile_expression
from engine.data.mapping import OUTPUT, InputMapping, OutputMapping, Source
from engine.data.paths import Path, PathSyntax, compile_path
from engine.data.schemas import Schema, SchemaInvalid, check_definitions, compile_schema
from engine.spec.diagnostics import DocumentPath, Report, did_you_mean
from engine.spec.flows import Arc, ControlFlow, check_reach, read_control_flow
from engine.spec.model import (
    END,
    START,
    Call,
    Dialect,
    Flow,
    Initiator,
    Interaction,
    Join,
    Kind,
    Net,
    Offer,
    Retry,
    Specification,
    Split,
    Task,
    Variable,
)
from engine.spec.shape import is_long_source, named

ConfigProblems = Sequence[tuple[tuple[str | int, ...], str]]
CheckConfig = Callable[[str, Mapping[str, Any]], ConfigProblems]
"""Checks the configuration of a connector by its name; an unknown name is a problem with the path `("connector",)`."""

DEFAULT_TIMEOUT_S = 30.0
LONGEST_TIMEOUT_S = 3600
NOT_YET = "is not supported yet by this version"

_OF_KINDS = {
    **dict.fromkeys(("connector", "config", "retry"), (Kind.AUTOMATED,)),
    **dict.fromkeys(("offer", "allocate", "interaction", "form", "priority"), (Kind.HUMAN,)),
    **dict.fromkeys(("input", "output"), (Kind.AUTOMATED, Kind.HUMAN, Kind.COMPOSITE)),
}
"""The keys that only tasks of some kinds have."""

Word = TypeVar("Word", Join, Split)

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

    def specification(self) -> Specification:
        document, report = self._document, self._report
        for invalid in check_definitions(self._definitions):
            report.error(("schemas", *invalid.path), invalid.reason)
        if report.errors:
            # What refers to a broken schema would only repeat its error.
            self._definitions = dict.fromkeys(self._definitions, True)
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
        )

    # -- nets and tasks ----------------------------------------------------------------------------------------

    def _net(self, name: str, body: Mapping[str, Any]) -> Net:
        path: DocumentPath = ("nets", name)
        variables = {
            variable: self._variable(variable, declared, (*path, "variables", variable))
            for variable, declared in body.get("variables", {}).items()
        }
        implicit = body.get("termination") == "implicit"
        before = len(self._report.errors)
        flow = read_control_flow(body, path, self._report)
        if len(self._report.errors) == before:
            # What cannot be reached because of a wrong name would only repeat that error.
            check_reach(flow, body, path, self._report, implicit=implicit)
        tasks = {
            task: self._task(task, index, written, flow, variables, (*path, "tasks", task))
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
            nulls=dict.fromkeys(variables),
            implicit_termination=implicit,
        )

    def _variable(self, name: str, written: Mapping[str, Any], path: DocumentPath) -> Variable:
        schema = self._schema(written["schema"], (*path, "schema")) if "schema" in written else None
        if schema is not None and "default" in written:
            self._check_fits("the default", written["default"], (*path, "default"), schema)
        return Variable(
            name=name,
            schema=schema,
            input=written.get("input", False),
            output=written.get("output", False),
            default=written.get("default"),
            has_default="default" in written,
        )

    def _task(
        self,
        name: str,
        index: int,
        written: Mapping[str, Any],
        flow: ControlFlow,
        variables: Mapping[str, Variable],
        path: DocumentPath,
    ) -> Task:
        kind = Kind(written["kind"])
        if kind is Kind.COMPOSITE:
            self._report.error((*path, "kind"), f'"composite" {NOT_YET}')
        for key, kinds in _OF_KINDS.items():
            if key in written and kind not in kinds:
                owners = " and ".join(kinds[:2])
                self._report.error((*path, key), f'"{key}" is for {owners} tasks, and this one is {kind}', at_key=True)
        join = self._word(Join, written, "join", Join.XOR, path)
        split, flows = self._split(name, written, flow, variables, path)
        return Task(
            name=name,
            index=index,
            kind=kind,
            join=join,
            split=split,
            inputs=flow.inputs(name),
            flows=flows,
            title=written.get("title"),
            input=self._input(written, variables, path),
            output=self._output(written, variables, path),
            call=self._call(written, variables, path) if kind is Kind.AUTOMATED else None,
            offer=self._offer(written, variables, path),
            interaction=self._interaction(written, path),
            form=self._schema(written["form"], (*path, "form")) if "form" in written else None,
            priority=self._priority(written, variables, path),
        )

    def _word(self, words: type[Word], written: Mapping[str, Any], key: str, default: Word, path: DocumentPath) -> Word:
        value = written.get(key)
        if value is None:
            return default
        if isinstance(value, dict) or value == "or":
            shown = '"or"' if value == "or" else "this form"
            self._report.error((*path, key), f'{shown} {NOT_YET}; "and" and "xor" are')
            return default
        return words(value)

    def _split(
        self,
        name: str,
        written: Mapping[str, Any],
        flow: ControlFlow,
        variables: Mapping[str, Variable],
        path: DocumentPath,
    ) -> tuple[Split, tuple[Flow, ...]]:
        arcs = flow.tasks[name]
        chosen = any(arc.when is not None for arc in arcs)
        split = self._word(Split, written, "split", Split.AND, path)
        if "split" not in written and chosen:
            self._report.error((*path, "next"), "flows with `when` need a split: write `split: xor`", at_key=True)
        elif split is Split.XOR:
            self._check_xor(arcs)
        elif chosen and written.get("split") == "and":
            for arc in arcs:
                if arc.when is not None:
                    message = "an and-split takes every flow: `when` has no meaning here"
                    self._report.error((*arc.entry, "when"), message, at_key=True)
        flows = tuple(
            Flow(
                place=flow.place(name, arc.target),
                target=arc.target,
                when=self._expression(arc.when, (*arc.entry, "when"), variables) if arc.when is not None else None,
            )
            for arc in arcs
        )
        return split, flows

    def _check_xor(self, arcs: Sequence[Arc]) -> None:
        for arc in arcs[:-1]:
            if arc.when is None:
                message = "only the last flow of an xor-split may be without `when`: it is the default"
                self._report.error(arc.entry, message)
        if arcs and arcs[-1].when is not None:
            message = "the last flow of an xor-split is its default: add one without `when`"
            self._report.error(arcs[-1].entry, message)

    # -- what a task does --------------------------------------------------------------------------------------

    def _call(self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath) -> Call | None:
        if "connector" not in written:
            self._report.error(path, 'the key "connector" is missing: an automated task calls one', at_key=True)
            return None
        config = written.get("config", {})
        before = len(self._report.errors)
        template = self._template(config, (*path, "config"), variables)
        self._check_secrets(config, (*path, "config"))
        if self._check_config is not None and len(self._report.errors) == before:
            for place, message in self._check_config(written["connector"], config):
                where = path if place == ("connector",) else (*path, "config")
                self._report.error((*where, *place), message)
        timeout = config.get("timeout_s", DEFAULT_TIMEOUT_S)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= LONGEST_TIMEOUT_S:
            # The connector has its own opinion only of what is a number.
            if len(self._report.errors) == before:
                message = f"must be a number of seconds up to {LONGEST_TIMEOUT_S}, written out: it is no template"
                self._report.error((*path, "config", "timeout_s"), message)
            timeout = DEFAULT_TIMEOUT_S
        return Call(written["connector"], template, float(timeout), _retry(written.get("retry", {})))

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

    def _offer(self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath) -> Offer | None:
        offer = written.get("offer")
        if offer is None:
            return None

        def sources(part: str) -> tuple[Source, ...]:
            values = offer.get(part, [])
            place = (*path, "offer", part)
            if not isinstance(values, list):
                return (self._name_source(values, place, variables),)
            return tuple(self._name_source(each, (*place, index), variables) for index, each in enumerate(values))

        return Offer(
            roles=sources("roles"),
            participants=sources("participants"),
            positions=sources("positions"),
            groups=sources("groups"),
            capabilities=sources("capabilities"),
        )

    def _name_source(self, written: Any, path: DocumentPath, variables: Mapping[str, Variable]) -> Source:
        source = self._source(written, path, variables)
        if _is_constant(written) and not isinstance(source.value, str):
            self._report.error(path, f"must be a name or a path, not {named(source.value)}")
        return source

    def _interaction(self, written: Mapping[str, Any], path: DocumentPath) -> Interaction:
        interaction = written.get("interaction", {})
        allocate = Initiator(interaction.get("allocate", "system" if "allocate" in written else "user"))
        start = Initiator(interaction.get("start", "user"))
        if "allocate" in written and written["allocate"] != "random":
            self._report.error((*path, "allocate"), f'the allocator "{written["allocate"]}" {NOT_YET}; "random" is')
        if start is Initiator.SYSTEM and allocate is Initiator.USER:
            self._report.error((*path, "interaction", "start"), "the system can start only what it allocates")
        return Interaction(Initiator(interaction.get("offer", "system")), allocate, start)

    def _priority(
        self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> Expression | None:
        if "priority" not in written:
            return None
        return self._expression(str(written["priority"]), (*path, "priority"), variables)

    # -- data --------------------------------------------------------------------------------------------------

    def _input(
        self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> InputMapping | None:
        if "input" not in written:
            return None
        for key, value in written["input"].items():
            for place in _named_secrets(value, (*path, "input", key)):
                self._report.error(place, "a secret may stand only in the config of a connector")
        return InputMapping(
            tuple(
                (key, self._source(value, (*path, "input", key), variables)) for key, value in written["input"].items()
            )
        )

    def _output(
        self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> OutputMapping | None:
        if "output" not in written:
            return None
        entries = []
        for name, value in written["output"].items():
            place = (*path, "output", name)
            if name not in variables:
                self._report.error(place, f'no variable named "{name}"{did_you_mean(name, variables)}', at_key=True)
                continue
            source = self._source(value, place, variables, sees_output=True)
            self._check_constant(source, value, place, variables[name].schema)
            entries.append((name, source, variables[name].schema))
        return OutputMapping(tuple(entries))

    def _check_constant(self, source: Source, written: Any, path: DocumentPath, schema: Schema | None) -> None:
        """Reports what can be seen now not to fit the variable it will be given to."""
        if schema is None:
            return
        if source.has_default:
            self._check_fits("the default", source.default, (*path, "default"), schema)
        elif _is_constant(written) and source.transform is None:
            self._check_fits("the value", source.value, (*path, "value") if is_long_source(written) else path, schema)

    def _check_fits(self, what: str, value: Any, path: DocumentPath, schema: Schema) -> None:
        for place, message in schema.check(value):
            where = f"at {place}: " if place != "$" else ""
            self._report.error(path, f"{what} does not fit the variable: {where}{message}")

    def _source(
        self, written: Any, path: DocumentPath, variables: Mapping[str, Variable], *, sees_output: bool = False
    ) -> Source:
        if isinstance(written, str) and written.startswith("$"):
            return Source(path=self._path(written, path, None if sees_output else variables))
        if not is_long_source(written):
            return Source(value=written)
        expression = None
        if "expr" in written:
            known = {**variables, OUTPUT: Variable(OUTPUT)} if sees_output else variables
            expression = self._expression(written["expr"], (*path, "expr"), known)
        seen = None if sees_output else variables
        return Source(
            path=self._path(written["path"], (*path, "path"), seen) if "path" in written else None,
            expr=expression,
            value=written.get("value"),
            default=written.get("default"),
            has_default="default" in written,
            transform=written.get("transform"),
            required=written.get("required", False),
        )

    def _path(self, text: str, path: DocumentPath, variables: Mapping[str, Variable] | None) -> Path | None:
        """The path of a text; `variables` are what it sees, where that is known now."""
        try:
            compiled = compile_path(text, self._dialect)
        except PathSyntax as error:
            self._report.error(path, f"{named(text)} {error.reason}")
            return None
        if variables is not None and compiled.first is not None:
            self._check_variables(frozenset({compiled.first}), path, variables)
        return compiled

    def _expression(self, text: str, path: DocumentPath, variables: Mapping[str, Variable]) -> Expression | None:
        try:
            expression = compile_expression(text)
        except ExpressionSyntax as error:
            self._report.error(path, f"{named(text)} is not CEL at character {error.column}: {error.reason}")
            return None
        self._check_expression(expression, path, variables)
        return expression

    def _template(self, config: Any, path: DocumentPath, variables: Mapping[str, Variable]) -> Template:
        before = len(self._report.errors)
        self._check_templates(config, path, variables)
        return Template(config if len(self._report.errors) == before else {})

    def _check_templates(self, value: Any, path: DocumentPath, variables: Mapping[str, Variable]) -> None:
        """Reports what is wrong with the expressions of each string."""
        if isinstance(value, dict):
            for key, each in value.items():
                self._check_templates(each, (*path, key), variables)
        elif isinstance(value, list):
            for index, each in enumerate(value):
                self._check_templates(each, (*path, index), variables)
        elif isinstance(value, str):
            try:
                expressions = Template(value).expressions
            except ExpressionSyntax as error:
                message = f"{named(value)}: at character {error.column} of its expression: {error.reason}"
                self._report.error(path, message)
                return
            for expression in expressions:
                self._check_expression(expression, path, variables)

    def _check_expression(self, expression: Expression, path: DocumentPath, variables: Mapping[str, Variable]) -> None:
        self._check_variables(expression.variables, path, variables)
        for name in sorted(expression.unknown):
            hint = did_you_mean(name, FUNCTIONS) or f": there are {', '.join(sorted(FUNCTIONS))}"
            self._report.error(path, f'no function named "{name}"{hint}')

    def _check_variables(self, names: frozenset[str], path: DocumentPath, variables: Mapping[str, Variable]) -> None:
        for name in sorted(names):
            if name not in variables:
                self._report.error(path, f'no variable named "{name}"{did_you_mean(name, variables)}')

    def _schema(self, written: Any, path: DocumentPath) -> Schema | None:
        try:
            return compile_schema(written, self._definitions)
        except SchemaInvalid as error:
            self._report.error((*path, *error.path), error.reason)
            return None


def _is_constant(written: Any) -> bool:
    """Whether a source is a value that stands in the document."""
    if is_long_source(written):
        return "value" in written
    return not (isinstance(written, str) and written.startswith("$"))


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


def _named_secrets(value: Any, path: DocumentPath) -> Iterator[DocumentPath]:
    """Where `{secret: NAME}` stands in a value."""
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            yield path
        for key, each in value.items():
            yield from _named_secrets(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _named_secrets(each, (*path, index))
