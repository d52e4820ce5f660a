"""JSON Schema 2020-12, compiled once by jsonschema-rs. `{$ref: "#/schemas/Order"}` means a specification's schema."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import msgspec

from engine.errors import Problem

LONGEST_SHOWN = 60
"""Characters of a value that a message shows."""

MOST_PROBLEMS = 50
"""Problems that one check reports: enough to mend a document, not enough to fill a log."""


class SchemaInvalid(Exception):
    """A document is not a JSON Schema. `path` leads into it."""

    def __init__(self, reason: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

_SHARED = "#/schemas/"
# Their values are data, in which `$ref` means nothing.
_DATA = frozenset({"const", "enum", "default", "examples"})
# Their values map any name to a schema.
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})


class Schema:
    """A compiled schema."""

    __slots__ = ("_validator", "document")

    def __init__(self, document: Any, validator: Any) -> None:
        self.document = document
        self._validator = validator

    def check(self, value: Any) -> tuple[Problem, ...]:
        """What is wrong with a value, each with its path (`$.lines[0].sku`); empty when it fits."""
        if self._validator.is_valid(value):
            return ()
        problems = []
        for error in self._validator.iter_errors(value):
            problems.append(Problem(written_path(error.instance_path), error.message))
            if len(problems) == MOST_PROBLEMS:
                break
        return tuple(problems)


def compile_schema(document: Any, definitions: Mapping[str, Any]) -> Schema:
    """The schema of a document that may refer to `#/schemas/<name>` of `definitions`. Raises `SchemaInvalid`.

    Nothing is fetched: a reference to anywhere else is an error. Patterns are matched in linear time.
    """
    _check_references(document, (), definitions, shared=False)
    whole = {**document, "schemas": dict(definitions)} if isinstance(document, dict) and definitions else document
    try:
        validator = jsonschema_rs.Draft202012Validator(
            whole, pattern_options=jsonschema_rs.RegexOptions(), retriever=_refuse
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        path = tuple(getattr(error, "instance_path", ()) or ())
        raise SchemaInvalid(_reason(document, path, str(error)), path) from None
    return Schema(document, validator)


def check_definitions(definitions: Mapping[str, Any]) -> Iterator[SchemaInvalid]:
    """What is wrong with the schemas that others may refer to, each for itself."""
    for name, document in definitions.items():
        try:
            _check_references(document, (), definitions, shared=True)
            # Compiled without the others: an error in one of them is not this one's.
            compile_schema(document, dict.fromkeys(definitions, True))
        except SchemaInvalid as invalid:
            yield SchemaInvalid(invalid.reason, (name, *invalid.path))


def _check_references(
    value: Any, path: tuple[str | int, ...], definitions: Mapping[str, Any], *, shared: bool, named: bool = False
) -> None:
    """Refuses what would lead out of the specification, or somewhere else than it seems to."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            _check_references(each, (*path, index), definitions, shared=shared)
    elif isinstance(value, dict):
        if not named:
            _check_keywords(value, path, definitions, shared)
        for key, each in value.items():
            if named or key not in _DATA:
                below = not named and key in _NAMED
                _check_references(each, (*path, key), definitions, shared=shared, named=below)


def _check_keywords(
    schema: Mapping[str, Any], path: tuple[str | int, ...], definitions: Mapping[str, Any], shared: bool
) -> None:
    if "$id" in schema:
        raise SchemaInvalid("a schema has no $id here: it is referred to as #/schemas/<name>", (*path, "$id"))
    if schema.get("$schema", DIALECT) != DIALECT:
        raise SchemaInvalid(f"schemas are of the dialect {DIALECT}", (*path, "$schema"))
    for keyword in ("$ref", "$dynamicRef"):
        reference = schema.get(keyword)
        if not isinstance(reference, str):
            continue
        place = (*path, keyword)
        if not reference.startswith("#"):
            raise SchemaInvalid(f'refers to "{reference}", and nothing is fetched: write it under `schemas`', place)
        if reference.startswith(_SHARED):
            name = unquote(reference.removeprefix(_SHARED)).partition("/")[0]
            if name not in definitions:
                near = get_close_matches(name, definitions, n=1)
                hint = f' (did you mean "{_SHARED}{near[0]}"?)' if near else ""
                raise SchemaInvalid(f'refers to "{reference}", which is not there{hint}', place)
        elif shared:
            raise SchemaInvalid(
                f'a schema under `schemas` refers to others as #/schemas/<name>, not "{reference}"', place
            )


def _reason(document: Any, path: tuple[str | int, ...], report: str) -> str:
    """What the library says, where it can be said better."""
    wrong: Any = document
    for step in path:
        wrong = wrong[step]
    if path[-1:] == ("type",):
        wrong = next((each for each in wrong if each not in TYPES), wrong) if isinstance(wrong, list) else wrong
        near = get_close_matches(str(wrong), TYPES, n=1)
        hint = f' (did you mean "{near[0]}"?)' if near else f": they are {', '.join(TYPES)}"
        return f"{_shown(wrong)} is not a type of JSON Schema{hint}"
    if path[-1:] == ("pattern",) and isinstance(wrong, str):
        return f"{_shown(wrong)} is not a pattern: a regular expression, without lookaround and back references"
    return f"is no JSON Schema: {report.splitlines()[0]}"


def _shown(value: Any) -> str:
    """A value as JSON writes it, and not all of a long one."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def written_path(path: Sequence[str | int]) -> str:
    """`["lines", 0, "sku"]` as `$.lines[0].sku`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _refuse(uri: str) -> Any:
    raise ValueError(f"refers to {uri}, and nothing is fetched; write it under `schemas`")
