"""The shape of the format as data: which keys there are and what each may hold.

One table serves twice: the structural check of a document, and the JSON Schema of the format that is served at
`GET /api/v1/schemas/specification`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.data.gathers import GATHERS
from engine.data.transforms import GIVEN, TRANSFORMS
from engine.exceptions.kinds import ExceptionKind
from engine.items.privileges import TaskPrivilege
from engine.resources.allocators import BuiltIn
from engine.spec.diagnostics import DocumentPath, Report, did_you_mean, listed, shortened

JsonSchema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """A string, of given words or of a pattern; where there are both, either will do."""

    words: tuple[str, ...] = ()
    pattern: str | None = None
    called: str = "a string"
    allowed: str = ""

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        if not isinstance(value, str):
            hint = "; write it in quotes" if isinstance(value, int | float) else ""
            report.error(path, f"must be {self.called}, not {named(value)}{hint}")
        elif value in self.words or (self.pattern is not None and re.fullmatch(self.pattern, value)):
            return
        elif self.words:
            report.error(
                path,
                f"must be {self.allowed or listed(self.words)}, not {named(value)}{did_you_mean(value, self.words)}",
            )
        elif self.pattern is not None:
            report.error(path, f"{named(value)} is not {self.called} ({self.pattern})")

    def schema(self) -> JsonSchema:
        if self.words and self.pattern:
            return {"anyOf": [{"enum": list(self.words)}, {"type": "string", "pattern": f"^({self.pattern})$"}]}
        if self.words:
            return {"enum": list(self.words)}
        return {"type": "string", **({"pattern": f"^({self.pattern})$"} if self.pattern else {})}


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds, whole unless said otherwise."""

    least: float = 0
    greatest: float = 1e9
    whole: bool = True

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        kind = "a whole number" if self.whole else "a number"
        accepted = int if self.whole else int | float
        if isinstance(value, bool) or not isinstance(value, accepted):
            report.error(path, f"must be {kind}, not {named(value)}")
        elif not self.least <= value <= self.greatest:
            report.error(path, f"must be between {self.least:g} and {self.greatest:g}, not {value}")

    def schema(self) -> JsonSchema:
        return {"type": "integer" if self.whole else "number", "minimum": self.least, "maximum": self.greatest}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        if not isinstance(value, bool):
            report.error(path, f"must be true or false, not {named(value)}")

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value."""

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        """Nothing can be wrong with it."""

    def schema(self) -> JsonSchema:
        return {}


@dataclass(frozen=True, slots=True)
class Json:
    """A mapping or a truth value whose inside is checked elsewhere (a JSON Schema, a connector's configuration)."""

    truth: bool = False

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        if not isinstance(value, dict) and not (self.truth and isinstance(value, bool)):
            report.error(path, f"must be a mapping, not {named(value)}")

    def schema(self) -> JsonSchema:
        return {"type": ["object", "boolean"]} if self.truth else {"type": "object"}


@dataclass(frozen=True, slots=True)
class Source:
    """A value of a mapping: `$...` is a path; a mapping with `path`, `value` or `expr` is the long form."""

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        if is_long_source(value):
            LONG_SOURCE.check(value, path, report)
            if sum(key in value for key in ("path", "value", "expr")) != 1:
                report.error(path, "must have exactly one of path, value and expr")
            for key in ("default", "required"):
                if key in value and "path" not in value:
                    report.error(
                        (*path, key), f"only a path can find nothing: `{key}` has no meaning here", at_key=True
                    )
            if "default" in value and value.get("required") is True:
                report.error((*path, "required"), "where there is a default nothing is required", at_key=True)

    def schema(self) -> JsonSchema:
        return {"anyOf": [LONG_SOURCE.schema(), {"not": {"type": "object", "required": ["path"]}}]}


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes, told apart by the type of the value."""

    shapes: tuple[tuple[type | tuple[type, ...], "Shape"], ...]
    called: str

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        for kind, shape in self.shapes:
            if isinstance(value, kind) and not (isinstance(value, bool) and kind is int):
                shape.check(value, path, report)
                return
        report.error(path, f"must be {self.called}, not {named(value)}")

    def schema(self) -> JsonSchema:
        return {"anyOf": [shape.schema() for _, shape in self.shapes]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose elements have one shape."""

    element: "Shape"
    least: int = 0

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        if not isinstance(value, list):
            report.error(path, f"must be a list, not {named(value)}")
            return
        if len(value) < self.least:
            report.error(path, "must not be empty")
        for index, each in enumerate(value):
            self.element.check(each, (*path, index), report)

    def schema(self) -> JsonSchema:
        return {"type": "array", "items": self.element.schema(), "minItems": self.least}


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping from names of a pattern to values of one shape."""

    value: "Shape"
    pattern: str
    called: str
    reserved: tuple[str, ...] = ()

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        if not isinstance(value, dict):
            report.error(path, f"must be a mapping, not {named(value)}")
            return
        for key, each in value.items():
            if not re.fullmatch(self.pattern, key):
                report.error((*path, key), f"{named(key)} is not {self.called} ({self.pattern})", at_key=True)
            elif key in self.reserved:
                report.error((*path, key), f'"{key}" is a name of the language and cannot be used here', at_key=True)
            self.value.check(each, (*path, key), report)

    def schema(self) -> JsonSchema:
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^({self.pattern})$"},
            "additionalProperties": self.value.schema(),
        }


@dataclass(frozen=True, slots=True)
class Keys:
    """A mapping with given keys."""

    keys: Mapping[str, "Shape"]
    required: tuple[str, ...] = ()

    def check(self, value: Any, path: DocumentPath, report: Report) -> None:
        if not isinstance(value, dict):
            report.error(path, f"must be a mapping, not {named(value)}")
            return
        for key, each in value.items():
            shape = self.keys.get(key)
            if shape is None:
                report.error((*path, key), f"unknown key {named(key)}{did_you_mean(key, self.keys)}", at_key=True)
                continue
            shape.check(each, (*path, key), report)
        for key in self.required:
            if key not in value:
                report.error(path, f'the key "{key}" is missing', at_key=True)

    def schema(self) -> JsonSchema:
        return {
            "type": "object",
            "properties": {key: shape.schema() for key, shape in self.keys.items()},
            "required": list(self.required),
            "additionalProperties": False,
        }


Shape = Text | Number | Flag | Anything | Json | Source | Either | ListOf | MapOf | Keys


def named(value: Any) -> str:
    """A value for a message: what it is, and itself where that is short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f'"{shortened(value)}"' if isinstance(value, str) else str(value)


def is_long_source(value: Any) -> bool:
    """Whether a value of a mapping is the long form."""
    return isinstance(value, dict) and not {"path", "value", "expr"}.isdisjoint(value)


ELEMENT = r"[A-Za-z_][A-Za-z0-9_-]{0,99}"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
RESERVED_ELEMENTS = ("start", "end")
# What CEL keeps for itself cannot be a variable, or no expression could name it.
RESERVED_VARIABLES = (
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
    "let", "loop", "package", "namespace", "return", "var", "void", "while", "output",
)  # fmt: skip

FAILURE_KINDS = (
    "any", "timeout", "connection", "bad_response", "bad_config", "secret_missing", "too_large", "refused", "raised",
    "lost", "unknown_connector", "circuit_open",
)  # fmt: skip
"""What a task may repeat its call for: the kinds of failure of the connectors, and HTTP statuses."""

TRANSFORM: tuple[tuple[type, "Shape"], ...] = (
    (str, Text(words=tuple(TRANSFORMS), allowed="the name of a transform")),
    (dict, Keys({name: Anything() for name in (*GIVEN, "lookup", "else")})),
)
TRANSFORM_CALLED = "a name of a transform, or one with what it is given such as {round: 2}"

LONG_SOURCE = Keys(
    {
        "path": Text(called="a path"),
        "value": Anything(),
        "expr": Text(called="an expression"),
        "default": Anything(),
        "transform": Either(
            (*TRANSFORM, (list, ListOf(Either(TRANSFORM, TRANSFORM_CALLED), least=1))), f"{TRANSFORM_CALLED}, or a list"
        ),
        "required": Flag(),
    }
)
NAME = Text(called="a name")
FLOW = Keys({"to": NAME, "when": Text(called="an expression")}, required=("to",))
EXPRESSION = Text(called="an expression")
NEXT = Either(
    ((str, NAME), (dict, FLOW), (list, ListOf(Either(((str, NAME), (dict, FLOW)), "a name or {to, when}"), least=1))),
    "a name or a list of names or {to, when}",
)
SOURCES = Either(((list, ListOf(Source(), least=1)), ((str, dict), Source())), "a name, a path or a list of them")
DURATION = Text(pattern=r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?|P\d+[YMW]", called="an ISO 8601 duration")
FAILURE = Text(
    words=FAILURE_KINDS,
    pattern=r"([1-5]xx|(http_)?[1-5][0-9]{2})",
    allowed=f"a kind of failure ({', '.join(FAILURE_KINDS)}) or a status such as 5xx or 429",
)
INITIATOR = Text(words=("system", "user"))
JSON_SCHEMA = Json(truth=True)
TRIGGER = Text(pattern=r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", called="a name of a trigger")
COUNTRY = Text(pattern=r"[A-Z]{2,3}", called="a code of a country")
SUBDIVISION = Text(pattern=r"[A-Za-z0-9-]{1,40}", called="a part of a country")
TIMEZONE = Text(pattern=r"[A-Za-z0-9_+/-]{1,64}", called="the name of a time zone, such as Europe/Berlin")
WORKDAYS = Either(
    ((bool, Flag()), (dict, Keys({"country": COUNTRY, "subdivision": SUBDIVISION, "timezone": TIMEZONE}))),
    "true, or {country, subdivision, timezone}",
)
DUE: dict[str, Shape] = {"after": Source(), "at": Source(), "workdays": WORKDAYS}
WHEN = Either(
    ((str, Text(called="a duration or a path")), (dict, Keys(DUE))), "a duration, a path, or {after, at, workdays}"
)
WHOM: dict[str, Shape] = {
    "roles": SOURCES,
    "participants": SOURCES,
    "positions": SOURCES,
    "groups": SOURCES,
    "capabilities": SOURCES,
}
"""Parts of an offer that name people."""

GRANT = Either(
    (
        (str, Text(words=("all", "none"))),
        (dict, Keys({"participants": ListOf(NAME, least=1), "roles": ListOf(NAME, least=1)})),
    ),
    "all, none or {participants, roles}",
)
SEEN = Text(words=("owner", "offered", "everybody"))
TIMER = Keys(
    {
        "trigger": Text(words=("enabled", "started")),
        **DUE,
        "then": Either(
            (
                (str, Text(words=("remind", "skip", "complete", "cancel"))),
                (
                    dict,
                    Keys(
                        {
                            "exception": Text(words=("timeout",)),
                            "escalate": Either(((str, NAME), (dict, Keys(WHOM))), "a role, or {roles, ...}"),
                        }
                    ),
                ),
            ),
            "remind, skip, complete, cancel, {escalate: ROLE or {roles, ...}} or {exception: timeout}",
        ),
    },
    required=("then",),
)
MOST_THREADS = 1_000
MOST_INSTANCES = 1_000_000
THREADS = Keys({"threads": Number(1, MOST_THREADS)}, required=("threads",))
JOIN = Keys(
    {"partial": Number(1, MOST_THREADS), "threads": Number(1, MOST_THREADS), "resets": ListOf(NAME), "blocks": Flag()}
)
GATHERED = Text(words=tuple(GATHERS))
GATHER = Keys({"variable": NAME, "from": Source(), "with": GATHERED}, required=("variable",))
INSTANCES = Keys(
    {
        "each": Source(),
        "count": Either(((int, Number(0, MOST_INSTANCES)), (str, EXPRESSION)), "a whole number or an expression"),
        "as": Text(pattern=VARIABLE, called="a name of a variable"),
        "index": Text(pattern=VARIABLE, called="a name of a variable"),
        "min": Number(0, MOST_INSTANCES),
        "max": Number(1, MOST_INSTANCES),
        "threshold": Either(
            ((int, Number(1, MOST_INSTANCES)), (str, EXPRESSION)), "all, none, a whole number or an expression"
        ),
        "creation": Text(words=("static", "dynamic")),
        "on_threshold": Text(words=("cancel", "keep")),
        "on_failure": Text(words=("fail", "continue", "count")),
        "gather": Either(((dict, GATHER), (list, ListOf(GATHER, least=1))), "{variable, from, with} or a list of them"),
    }
)

HANDLERS = Keys({kind: ListOf(Anything(), least=1) for kind in ExceptionKind})
"""What is done about exceptions. The primitives are read by `engine.exceptions.exlets`."""
ALLOCATOR_CALLED = f"an allocator ({', '.join(BuiltIn)}) or {{plugin: NAME}}"
ALLOCATOR = Either(
    (
        (str, Text(words=tuple(BuiltIn), allowed=ALLOCATOR_CALLED)),
        (dict, Keys({"plugin": Text(pattern=ELEMENT, called="a name of an allocator")}, required=("plugin",))),
    ),
    ALLOCATOR_CALLED,
)
MOST_OFFERED = 100_000
LEVEL = Source()
FILTERS = ("and", "or", "not", "role", "capability", "position", "group", "participant", "available", "workload",
           "expr", "history")  # fmt: skip
FILTER = Keys({name: Anything() for name in FILTERS})
"""What stands in a filter is read by `engine.spec.people`: its parts are filters themselves."""
FILTER_POSITION = Keys({"is": SOURCES, "below": SOURCES, "above": SOURCES})
FILTER_CAPABILITY = Keys(
    {
        "id": NAME,
        "at_least": LEVEL,
        "at_most": LEVEL,
        "one_of": Either(((list, ListOf(LEVEL, least=1)), (str, LEVEL)), "a list of levels or a path"),
    },
    required=("id",),
)
FILTER_AVAILABLE = Keys({"at": Source(), "for": Source()})
FILTER_WORKLOAD = Keys({"at_least": Number(0, 1e6), "at_most": Number(0, 1e6)})
FILTER_HISTORY = Keys(
    {"task": NAME, "specification": NAME, "at_least": Number(0, 1e6), "at_most": Number(0, 1e6), "within": DURATION},
    required=("task",),
)
LATE = Keys({"after": DURATION, "workload_below": Number(1, 1e6), "every": DURATION})
OFFER = Keys(
    {
        "roles": SOURCES,
        "participants": SOURCES,
        "positions": SOURCES,
        "groups": SOURCES,
        "capabilities": SOURCES,
        "filter": FILTER,
        "rank": ALLOCATOR,
        "top": Number(1, MOST_OFFERED),
        "timeout": DURATION,
        "on_timeout": Text(words=("allocate", "escalate", "unoffer")),
        "late": LATE,
        "early": Flag(),
    }
)
CONSTRAINTS = Keys(
    {
        "separate_from": Either(((str, NAME), (list, ListOf(NAME, least=1))), "a name of a task or a list of them"),
        "familiar_with": Either(
            (
                (str, NAME),
                (dict, Keys({"task": NAME, "otherwise": Text(words=("offer", "unoffer"))}, required=("task",))),
            ),
            "a name of a task or {task, otherwise}",
        ),
        "case_handling": Flag(),
    }
)

TASK = Keys(
    {
        "title": Text(),
        "kind": Text(words=("automated", "human", "composite", "routing")),
        "connector": NAME,
        "config": Json(),
        "input": MapOf(Source(), r"[^\x00-\x1f]{1,200}", "a key of an input"),
        "output": MapOf(Source(), VARIABLE, "a name of a variable"),
        "retry": Keys(
            {
                "attempts": Number(1, 100),
                "backoff_s": Number(0, 86_400, whole=False),
                "factor": Number(1, 100, whole=False),
                "max_s": Number(0, 604_800, whole=False),
                "on": ListOf(
                    Either(
                        (
                            (str, FAILURE),
                            (int, Number(100, 599)),
                        ),
                        "a kind of failure or a status",
                    ),
                    least=1,
                ),
            }
        ),
        "join": Either(((str, Text(words=("and", "xor", "or"))), (dict, JOIN)), "and, xor, or, {partial} or {threads}"),
        "split": Either(((str, Text(words=("and", "xor", "or"))), (dict, THREADS)), "and, xor, or, or {threads}"),
        "next": NEXT,
        "offer": OFFER,
        "allocate": ALLOCATOR,
        "interaction": Keys({"offer": INITIATOR, "allocate": INITIATOR, "start": INITIATOR}),
        "form": JSON_SCHEMA,
        "priority": Either(((int, Number(-1e6, 1e6)), (str, EXPRESSION)), "a whole number or an expression"),
        "net": NAME,
        "specification": Keys({"id": NAME, "version": NAME}, required=("id",)),
        "instances": INSTANCES,
        "timer": Either(((list, ListOf(TIMER, least=1)), (dict, TIMER)), "a timer or a list of them"),
        "trigger": Keys({"name": TRIGGER, "kind": Text(words=("persistent", "transient"))}, required=("name", "kind")),
        "cancels": ListOf(NAME),
        "completes": ListOf(NAME),
        "loop": Keys({"while": EXPRESSION, "until": EXPRESSION}),
        "mutex": Text(pattern=ELEMENT, called="a name of a mutex"),
        "on": HANDLERS,
        "worklet": Flag(),
        "compensation": NAME,
        "requires": Text(called="an expression"),
        "ensures": Text(called="an expression"),
        "delay": WHEN,
        "constraints": CONSTRAINTS,
        "privileges": Keys({privilege.value: GRANT for privilege in TaskPrivilege}),
        "visibility": Keys({"unallocated": SEEN, "allocated": SEEN}),
        "due": WHEN,
        "search": ListOf(Text(called="a key of the input"), least=1),
        "also": SOURCES,
    },
    required=("kind",),
)

FOLDER = Keys({"folder": Text(called="a name of a folder")}, required=("folder",))
DECLARED = Keys(
    {
        "schema": JSON_SCHEMA,
        "input": Flag(),
        "output": Flag(),
        "default": Anything(),
        "title": Text(),
        "tasks": ListOf(NAME, least=1),
        "search": Flag(),
        "shared": Either(
            ((str, Text(words=("case", "specification"))), (dict, FOLDER)), "case, specification or {folder: NAME}"
        ),
    }
)

NET = Keys(
    {
        "title": Text(),
        "variables": MapOf(
            DECLARED,
            VARIABLE,
            "a name of a variable",
            RESERVED_VARIABLES,
        ),
        "start": NEXT,
        "conditions": MapOf(
            Keys({"next": NEXT, "title": Text()}, required=("next",)),
            ELEMENT,
            "a name of a condition",
            RESERVED_ELEMENTS,
        ),
        "case_handling": Flag(),
        "tasks": MapOf(TASK, ELEMENT, "a name of a task", RESERVED_ELEMENTS),
        "termination": Text(words=("explicit", "implicit")),
        "requires": Text(called="an expression"),
        "ensures": Text(called="an expression"),
        "on": HANDLERS,
    },
    required=("start", "tasks"),
)

ACCESS = Keys({name: Text(called="an expression") for name in ("start", "see", "steer")})

SPECIFICATION = Keys(
    {
        "specification": Text(pattern=r"[a-z0-9][a-z0-9-]{0,99}", called="an id of a specification"),
        "version": Text(pattern=r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", called="a version"),
        "title": Text(),
        "description": Text(),
        "root": NAME,
        "max_depth": Number(1, 1_000),
        "jsonpath": Text(words=("rw", "rfc9535")),
        "schemas": MapOf(JSON_SCHEMA, VARIABLE, "a name of a schema"),
        "nets": MapOf(NET, ELEMENT, "a name of a net"),
        "on": HANDLERS,
        "deadline": WHEN,
        "access": ACCESS,
    },
    required=("specification", "version", "nets"),
)


def check_shape(document: Any, report: Report) -> None:
    """Reports every key and value that the format does not have."""
    SPECIFICATION.check(document, (), report)


def specification_schema() -> JsonSchema:
    """The JSON Schema (2020-12) of the format. It cannot say what names and expressions must mean."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Casewright specification",
        **SPECIFICATION.schema(),
    }
