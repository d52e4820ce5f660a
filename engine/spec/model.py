"""The compiled form of a specification: immutable, indexed, with every expression parsed.

Control flow is kept as a Petri net with places and tasks (newYAWL; Russell et al., BPM-07-05): every condition, also
an implicit one between two tasks (`a>b`), is a place known by its name, so that a marking is `{place: tokens}` and
can be read by a person. Everything a step asks of a net is looked up, not searched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.data.expressions import Expression, Template
from engine.data.mapping import InputMapping, OutputMapping, Source
from engine.data.schemas import Schema

START = "start"
END = "end"


class Kind(StrEnum):
    """Who does a task."""

    AUTOMATED = "automated"
    HUMAN = "human"
    COMPOSITE = "composite"
    ROUTING = "routing"


class Join(StrEnum):
    """How a task takes tokens from the places before it."""

    XOR = "xor"
    AND = "and"


class Split(StrEnum):
    """How a task gives tokens to the places behind it."""

    XOR = "xor"
    AND = "and"


class Dialect(StrEnum):
    """Which JSONPath a specification is written in."""

    RW = "rw"
    RFC9535 = "rfc9535"


class Initiator(StrEnum):
    """Who takes a step of distribution."""

    SYSTEM = "system"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Flow:
    """One way out of a task: the place it leads to, taken when `when` holds (None: always, or the default)."""

    place: str
    target: str
    when: Expression | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and when a failed call is repeated. `attempts` counts the first one too; times in seconds."""

    attempts: int = 1
    backoff_s: float = 1.0
    factor: float = 2.0
    max_s: float = 60.0
    on: tuple[str, ...] = ("timeout", "connection", "5xx", "429")


@dataclass(frozen=True, slots=True)
class Call:
    """What an automated task asks of the world: a connector by name, its configuration, its bounds."""

    connector: str
    config: Template
    timeout_s: float
    retry: Retry


@dataclass(frozen=True, slots=True)
class Offer:
    """To whom an item is offered. Each source gives one name or a list of names when the item is enabled."""

    roles: tuple[Source, ...] = ()
    participants: tuple[Source, ...] = ()
    positions: tuple[Source, ...] = ()
    groups: tuple[Source, ...] = ()
    capabilities: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """Who offers, allocates and starts an item."""

    offer: Initiator = Initiator.SYSTEM
    allocate: Initiator = Initiator.USER
    start: Initiator = Initiator.USER


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a net. `inputs` are the places it takes tokens from, in the order of the document."""

    name: str
    index: int
    kind: Kind
    join: Join
    split: Split
    inputs: tuple[str, ...]
    flows: tuple[Flow, ...]
    title: str | None = None
    input: InputMapping | None = None
    output: OutputMapping | None = None
    call: Call | None = None
    offer: Offer | None = None
    interaction: Interaction = Interaction()
    form: Schema | None = None
    priority: Expression | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a net. `input`: given when the case starts; `output`: part of its result."""

    name: str
    schema: Schema | None = None
    input: bool = False
    output: bool = False
    default: Any = None
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class Net:
    """A workflow net.

    `tasks` in the order of the document; `places` are all conditions, explicit and implicit, with `start` and `end`;
    `consumers[place]` are the tasks that take from a place, in the order of the document; `nulls` is the data of a
    net in which nothing is set: every declared variable exists for an expression, null until set.
    """

    name: str
    variables: Mapping[str, Variable]
    tasks: Mapping[str, Task]
    places: tuple[str, ...]
    consumers: Mapping[str, tuple[Task, ...]]
    nulls: Mapping[str, Any]
    implicit_termination: bool = False


@dataclass(frozen=True, slots=True)
class Specification:
    """A deployed specification. (id, version) is immutable once deployed; `document` is what it was written as."""

    id: str
    version: str
    root: str
    nets: Mapping[str, Net]
    document: Mapping[str, Any]
    dialect: Dialect = Dialect.RW
    title: str | None = None
    warnings: tuple[str, ...] = field(default=())

    @property
    def main(self) -> Net:
        """The net a case of this specification runs."""
        return self.nets[self.root]
