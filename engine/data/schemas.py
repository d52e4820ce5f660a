"""JSON Schema 2020-12, compiled once by jsonschema-rs. `{$ref: "#/schemas/Order"}` means a specification's schema."""

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs

from engine.errors import Problem

MOST_PROBLEMS = 50
"""Problems that one check reports: enough to mend a document, not enough to fill a log."""


class SchemaInvalid(Exception):
    """A document is not a JSON Schema. `path` leads into it."""

    def __init__(self, reason: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


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

    Nothing is fetched: a reference to anywhere else is an error.
    """
    whole = {**document, "schemas": dict(definitions)} if isinstance(document, dict) and definitions else document
    try:
        validator = jsonschema_rs.Draft202012Validator(
            whole, pattern_options=jsonschema_rs.RegexOptions(), retriever=_refuse
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        path = tuple(getattr(error, "instance_path", ()) or ())
        raise SchemaInvalid(str(error).splitlines()[0], path) from None
    return Schema(document, validator)


def written_path(path: Sequence[str | int]) -> str:
    """`["lines", 0, "sku"]` as `$.lines[0].sku`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _refuse(uri: str) -> Any:
    raise ValueError(f"refers to {uri}, and nothing is fetched; write it under `schemas`")
