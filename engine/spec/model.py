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
from engine.exceptions.primitives import Exlet
from engine.items.privileges import Grant, TaskPrivilege
from engine.resources.allocators import BuiltIn
from engine.resources.filters import Filter

START = "start"
END = "end"

SHARED_CONNECTOR = "shared"
"""The connector through which a task writes shared variables."""

STEERING_CONNECTOR = "steering"
"""The connector through which an exlet reaches all cases of a specification. No task may name it."""

DEFAULT_MAX_DEPTH = 25
"""How deep composite tasks may nest when the specification does not say: recursion without end must end."""


Handlers = Mapping[str, Exlet]
"""What is done about exceptions, by their kind."""


class Kind(StrEnum):
    """Who does a task."""

    AUTOMATED = "automated"
    HUMAN = "human"
    COMPOSITE = "composite"
    ROUTING = "routing"


class Join(StrEnum):
    """How a task takes tokens from the places before it.

    `PARTIAL` waits for `Task.needed` of them (`Partial` says how the rest of a round is treated); `THREADS` for
    `Task.needed` tokens, wherever they are.
    """

    XOR = "xor"
    AND = "and"
    OR = "or"
    PARTIAL = "partial"
    THREADS = "threads"


class Split(StrEnum):
    """How a task gives tokens to the places behind it. `THREADS` puts `Task.threads` tokens into one place."""

    XOR = "xor"
    AND = "and"
    OR = "or"
    THREADS = "threads"


class Partial(StrEnum):
    """What a partial join does with the branches that arrive after it fired.

    `STRUCTURED`: as many further tokens as branches were left are ignored, then the join is ready again (WCP-9, 30).
    `BLOCKING`: one token of each branch left is ignored; a second token of a branch waits for the next round
    (WCP-28, 31). `CANCELLING`: firing empties `Task.resets` and the join's own places, and the join is ready at once
    (WCP-29, 32).
    """

    STRUCTURED = "structured"
    BLOCKING = "blocking"
    CANCELLING = "cancelling"


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
    """What an automated task asks of the world: a connector by name, its configuration, its bounds.

    `tells` says that the configuration names tasks whose callback URLs are sent along.
    """

    connector: str
    config: Template
    timeout_s: float
    retry: Retry
    tells: bool = False


class OnOfferTimeout(StrEnum):
    """What becomes of an item that nobody accepts in time.

    The system gives it to one of those it is offered to, offers it to whoever those report to, or takes it back to
    the administrators.
    """

    ALLOCATE = "allocate"
    ESCALATE = "escalate"
    UNOFFER = "unoffer"


@dataclass(frozen=True, slots=True)
class Late:
    """Late distribution (WRP-20): an item goes to people only a while (`after`) after it is enabled, or only to those
    who have less than `workload_below` items in hand, looked for again and again (`every`). Both are durations.
    """

    after: str | None = None
    workload_below: int | None = None
    every: str = "PT1M"


@dataclass(frozen=True, slots=True)
class Offer:
    """To whom an item is offered. Each source gives one name or a list of names when the item is enabled.

    With `top` it is offered to so many only, the best by the allocator `ranked_by`. `timeout` is a duration. `early`:
    it is shown as soon as the case begins, before it can be started.
    """

    roles: tuple[Source, ...] = ()
    participants: tuple[Source, ...] = ()
    positions: tuple[Source, ...] = ()
    groups: tuple[Source, ...] = ()
    capabilities: tuple[Source, ...] = ()
    filter: Filter | None = None
    ranked_by: str | None = None
    top: int | None = None
    timeout: str | None = None
    on_timeout: OnOfferTimeout = OnOfferTimeout.ALLOCATE
    late: Late | None = None
    early: bool = False


@dataclass(frozen=True, slots=True)
class Constraints:
    """What earlier work in the same case says of who may do a task.

    Whoever had to do with one of `separate_from` may not (WRP-5); whoever completed `familiar_with` is to (WRP-7), and
    where none of them is there `otherwise` lets it go to anybody. `handled`: it goes to the one who handles the case
    (WRP-6).
    """

    separate_from: tuple[str, ...] = ()
    familiar_with: str | None = None
    otherwise: bool = False
    handled: bool = False


@dataclass(frozen=True, slots=True)
class Interaction:
    """Who offers, allocates and starts an item."""

    offer: Initiator = Initiator.SYSTEM
    allocate: Initiator = Initiator.USER
    start: Initiator = Initiator.USER


@dataclass(frozen=True, slots=True)
class Region:
    """Tasks and places that are emptied together: their runs are stopped, their tokens removed (WCP-25)."""

    tasks: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


class Test(StrEnum):
    """When the condition of a loop is looked at: before each round (`while`) or after it (`until`)."""

    BEFORE = "while"
    AFTER = "until"


@dataclass(frozen=True, slots=True)
class Loop:
    """A structured loop (WCP-21): the task is done again and again with the tokens it once took."""

    test: Test
    condition: Expression

    def goes_on(self, data: Mapping[str, Any]) -> bool:
        """Whether another round is to be done. Raises `ExpressionFailed`."""
        return self.condition.holds(data) is (self.test is Test.BEFORE)


@dataclass(frozen=True, slots=True)
class Trigger:
    """An outside event that a task waits for, beside its tokens.

    A persistent one is kept until a task consumes it (WCP-24); a transient one is lost when none waits (WCP-23).
    """

    name: str
    persistent: bool


class TimerStart(StrEnum):
    """From when on a timer runs: since the task waits to be started, or since it was started."""

    ENABLED = "enabled"
    STARTED = "started"


class TimerAction(StrEnum):
    """What a timer does when it is due.

    `REMIND` only says so; `SKIP` lets a task that still waits count as done, `COMPLETE` also one that was started;
    `CANCEL` ends its path; `ESCALATE` offers its item to others, whoever has it; `EXCEPTION` raises `timeout`.
    """

    REMIND = "remind"
    SKIP = "skip"
    COMPLETE = "complete"
    CANCEL = "cancel"
    ESCALATE = "escalate"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True)
class Workdays:
    """Only working days count: Monday to Friday, without the holidays of a country and a part of it, if it is named.

    Days begin and end by the clocks of `timezone`, such as `Europe/Berlin`.
    """

    country: str | None = None
    subdivision: str | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class When:
    """A moment: `at` gives it, or `after` how long to wait; exactly one of them. Each gives a text."""

    after: Source | None = None
    at: Source | None = None
    workdays: Workdays | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer of a task. `offer` says to whom an escalated item goes."""

    start: TimerStart
    when: When
    action: TimerAction
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class Gather:
    """How one variable is made of what the instances gave: `source` reads one output, `with_` joins what was read."""

    variable: str
    source: Source
    with_: str
    schema: Schema | None = None


class OnFailure(StrEnum):
    """What a failed instance means: the task fails; it has merely ended; it counts as if it were completed."""

    FAIL = "fail"
    CONTINUE = "continue"
    COUNT = "count"


class OnThreshold(StrEnum):
    """What becomes of the instances that are left when enough have completed."""

    CANCEL = "cancel"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Instances:
    """Multiple instances of a task (WCP-12 to 15, 26, 27, 34 to 36).

    One for each element of `each`, or `count` of them; `least` and `most` bound how many. `element` and `index` are
    the names under which an instance sees its own. `threshold` says how many completions are enough: a number, an
    expression (an integer, or a condition), or None for all; `awaited` is False when none is waited for.
    """

    each: Source | None
    count: Expression | None
    element: str
    index: str
    least: int
    most: int
    threshold: int | Expression | None = None
    awaited: bool = True
    dynamic: bool = False
    on_threshold: OnThreshold = OnThreshold.CANCEL
    on_failure: OnFailure = OnFailure.FAIL
    gathers: tuple[Gather, ...] = ()


@dataclass(frozen=True, slots=True)
class Decomposition:
    """What a composite task runs as a child case: a net of the same specification, or another specification.

    `version` None means the latest one when the task starts. `picked`: rules choose a specification each time, and
    this is run where they choose none.
    """

    net: str | None = None
    specification: str | None = None
    version: str | None = None
    picked: bool = False


class Seen(StrEnum):
    """Who may know of an item, beside who administers items and who sees a whole team's or group's.

    `OWNER`: who owns it, or is offered it now. `OFFERED`: also who was offered it before. `EVERYBODY`: whoever works on
    items.
    """

    OWNER = "owner"
    OFFERED = "offered"
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Visibility:
    """Who may know of an item that nobody owns yet, and of one that somebody does (resource patterns 40, 41)."""

    unallocated: Seen = Seen.OFFERED
    allocated: Seen = Seen.OFFERED


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
    allocator: str = BuiltIn.RANDOM
    constraints: Constraints = Constraints()
    form: Schema | None = None
    priority: Expression | None = None
    needed: int = 0
    partial: Partial | None = None
    resets: Region | None = None
    threads: int = 0
    cancels: Region | None = None
    completes: tuple[str, ...] = ()
    loop: Loop | None = None
    mutex: str | None = None
    trigger: Trigger | None = None
    timers: tuple[Timer, ...] = ()
    delay: When | None = None
    instances: Instances | None = None
    decomposition: Decomposition | None = None
    requires: Expression | None = None
    ensures: Expression | None = None
    handlers: Handlers = field(default_factory=dict)
    compensation: str | None = None
    privileges: Mapping[TaskPrivilege, Grant] = field(default_factory=dict)
    visibility: Visibility = Visibility()
    due: When | None = None
    search: tuple[str, ...] = ()
    also: tuple[Source, ...] = ()


class Scope(StrEnum):
    """Who shares a variable: a case with all cases below its root, the cases of a specification, those of a folder."""

    CASE = "case"
    SPECIFICATION = "specification"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Shared:
    """Where the value of a variable is kept that a case has not for itself alone. `folder` gives a folder's name."""

    scope: Scope
    folder: Template | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a net. `input`: given when the case starts; `output`: part of its result.

    `tasks` are those that see it (data pattern 3); None: all of the net. `search`: cases are found by its value.
    """

    name: str
    schema: Schema | None = None
    input: bool = False
    output: bool = False
    default: Any = None
    has_default: bool = False
    tasks: frozenset[str] | None = None
    shared: Shared | None = None
    search: bool = False

    @property
    def visible(self) -> bool:
        """Whether whoever looks at it sees it. A task that does not finds it without tasks."""
        return self.tasks is None or bool(self.tasks)


@dataclass(frozen=True, slots=True)
class Net:
    """A workflow net.

    `tasks` in the order of the document; `places` are all conditions, explicit and implicit, with `start` and `end`;
    `consumers[place]` are the tasks that take from a place, in the order of the document; `watched` are the places from
    which a task takes that waits for a person or a delay before; `nulls` is the data of a
    net in which nothing is set: every declared variable exists for an expression, null until set. `or_joins`,
    `mutexes`, `triggers` and `guarded` (by `requires`) are the tasks that have one, in the order of the document;
    `awaited[variable]` are the places before tasks that wait for it; `shared` are the variables other cases see too,
    `searched` those by whose values cases are found; of `remembered` tasks it is kept who did them; `early` ones are
    shown to people before they can be started. `requires` holds when a case of it begins, `ensures` when it completes.
    """

    name: str
    variables: Mapping[str, Variable]
    tasks: Mapping[str, Task]
    places: tuple[str, ...]
    consumers: Mapping[str, tuple[Task, ...]]
    watched: frozenset[str]
    nulls: Mapping[str, Any]
    implicit_termination: bool = False
    or_joins: tuple[Task, ...] = ()
    mutexes: Mapping[str, tuple[Task, ...]] = field(default_factory=dict)
    triggers: Mapping[str, tuple[Task, ...]] = field(default_factory=dict)
    guarded: tuple[Task, ...] = ()
    awaited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shared: Mapping[str, Variable] = field(default_factory=dict)
    handlers: Handlers = field(default_factory=dict)
    searched: tuple[str, ...] = ()
    remembered: frozenset[str] = frozenset()
    early: tuple[Task, ...] = ()
    requires: Expression | None = None
    ensures: Expression | None = None


@dataclass(frozen=True, slots=True)
class CaseAccess:
    """Who, of those who have the permission, may start cases, see them, and steer them; None: all of them.

    Conditions over the variables of the root net and `asker`. The engine does not ask; whoever lets people in does.
    """

    start: Expression | None = None
    see: Expression | None = None
    steer: Expression | None = None


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
    max_depth: int = DEFAULT_MAX_DEPTH
    deadline: When | None = None
    warnings: tuple[str, ...] = field(default=())
    handlers: Handlers = field(default_factory=dict)
    access: CaseAccess = CaseAccess()

    def handler(self, net: Net, task: Task | None, kind: str) -> Exlet | None:
        """What is done about a kind of exception: what is written nearest, at the task, its net or here."""
        near = (task.handlers if task is not None else {}, net.handlers, self.handlers)
        return next((handlers[kind] for handlers in near if kind in handlers), None)

    @property
    def main(self) -> Net:
        """The net a case of this specification runs."""
        return self.nets[self.root]
