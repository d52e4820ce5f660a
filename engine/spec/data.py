"""The data side of a specification as written: paths, expressions, templates, mappings and schemas are compiled.

Everything that is wrong is reported with its place, and what it names is checked against the variables it may see.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.data.expressions import FUNCTIONS, Expression, ExpressionSyntax, Template, compile_expression
from engine.data.mapping import OUTPUT, InputMapping, OutputMapping, Source
from engine.data.paths import Path, PathSyntax, compile_path
from engine.data.schemas import Schema, SchemaInvalid, compile_schema
from engine.data.transforms import Transform, TransformInvalid, compile_transforms
from engine.spec.diagnostics import DocumentPath, Report, did_you_mean
from engine.spec.model import Dialect, Variable
from engine.spec.shape import is_long_source, named


class DataCompiler:
    """Compiles the data of one document. The report says what is wrong with it."""

    def __init__(self, report: Report, dialect: Dialect, definitions: Mapping[str, Any]) -> None:
        self._report = report
        self._dialect = dialect
        self._definitions = definitions

    def input(
        self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> InputMapping | None:
        """The input mapping of a task."""
        if "input" not in written:
            return None
        for key, value in written["input"].items():
            for place in _named_secrets(value, (*path, "input", key)):
                self._report.error(place, "a secret may stand only in the config of a connector")
        return InputMapping(
            tuple(
                (key, self.source(value, (*path, "input", key), variables)) for key, value in written["input"].items()
            )
        )

    def output(
        self, written: Mapping[str, Any], variables: Mapping[str, Variable], path: DocumentPath
    ) -> OutputMapping | None:
        """The output mapping of a task."""
        if "output" not in written:
            return None
        entries = []
        for name, value in written["output"].items():
            place = (*path, "output", name)
            if name not in variables:
                self._report.error(place, f'no variable named "{name}"{did_you_mean(name, variables)}', at_key=True)
                continue
            source = self.source(value, place, variables, sees_output=True)
            self._check_constant(source, value, place, variables[name].schema)
            if not variables[name].visible:
                self._report.error(place, hidden(name), at_key=True)
            entries.append((name, source, variables[name].schema))
        return OutputMapping(tuple(entries))

    def _check_constant(self, source: Source, written: Any, path: DocumentPath, schema: Schema | None) -> None:
        """Reports what can be seen now not to fit the variable it will be given to."""
        if schema is None:
            return
        if source.has_default:
            self.check_fits("the default", source.default, (*path, "default"), schema)
        elif is_constant(written) and not source.transforms:
            self.check_fits("the value", source.value, (*path, "value") if is_long_source(written) else path, schema)

    def check_fits(self, what: str, value: Any, path: DocumentPath, schema: Schema) -> None:
        """Reports a value that does not fit the schema of its variable."""
        for place, message in schema.check(value):
            where = f"at {place}: " if place != "$" else ""
            self._report.error(path, f"{what} does not fit the variable: {where}{message}")

    def source(
        self, written: Any, path: DocumentPath, variables: Mapping[str, Variable], *, sees_output: bool = False
    ) -> Source:
        """One value of a mapping. Paths of an output see what the task gave back, not the variables."""
        if isinstance(written, str) and written.startswith("$"):
            return Source(path=self.path(written, path, None if sees_output else variables))
        if not is_long_source(written):
            return Source(value=written)
        expression = None
        if "expr" in written:
            known = {**variables, OUTPUT: Variable(OUTPUT)} if sees_output else variables
            expression = self.expression(written["expr"], (*path, "expr"), known)
        seen = None if sees_output else variables
        return Source(
            path=self.path(written["path"], (*path, "path"), seen) if "path" in written else None,
            expr=expression,
            value=written.get("value"),
            default=written.get("default"),
            has_default="default" in written,
            transforms=self._transforms(written, path),
            required=written.get("required", False),
        )

    def _transforms(self, written: Mapping[str, Any], path: DocumentPath) -> tuple[Transform, ...]:
        if "transform" not in written:
            return ()
        try:
            return compile_transforms(written["transform"])
        except TransformInvalid as invalid:
            self._report.error((*path, "transform", *invalid.place), invalid.reason)
            return ()

    def path(self, text: str, path: DocumentPath, variables: Mapping[str, Variable] | None) -> Path | None:
        """The path of a text; `variables` are what it sees, where that is known now."""
        try:
            compiled = compile_path(text, self._dialect)
        except PathSyntax as error:
            self._report.error(path, f"{named(text)} {error.reason}")
            return None
        if variables is None:
            return compiled
        if compiled.first is not None:
            self._check_variables(frozenset({compiled.first}), path, variables)
        else:
            for name in [name for name, variable in variables.items() if not variable.visible]:
                self._report.error(path, f"{named(text)} looks at all variables, and {hidden(name)}")
        return compiled

    def expression(self, text: str, path: DocumentPath, variables: Mapping[str, Variable]) -> Expression | None:
        """An expression over these variables; None when it is none."""
        try:
            expression = compile_expression(text)
        except ExpressionSyntax as error:
            self._report.error(path, f"{named(text)} is not CEL at character {error.column}: {error.reason}")
            return None
        self._check_expression(expression, path, variables)
        return expression

    def template(self, config: Any, path: DocumentPath, variables: Mapping[str, Variable]) -> Template:
        """The template of a configuration."""
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
            elif not variables[name].visible:
                self._report.error(path, hidden(name))

    def schema(self, written: Any, path: DocumentPath) -> Schema | None:
        """A JSON Schema; None when it is none."""
        try:
            return compile_schema(written, self._definitions)
        except SchemaInvalid as error:
            self._report.error((*path, *error.path), error.reason)
            return None


def hidden(name: str) -> str:
    """What is said of a variable that is named where it is not seen."""
    return f'"{name}" is not visible here: `tasks` of the variable names those that see it'


def is_constant(written: Any) -> bool:
    """Whether a source is a value that stands in the document."""
    if is_long_source(written):
        return "value" in written
    return not (isinstance(written, str) and written.startswith("$"))


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
