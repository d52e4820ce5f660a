"""Messages: what the API takes and gives, as models; and how cases and items are shown.

Times are RFC 3339 in UTC with milliseconds, null for what has not happened.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec.json import encode
from msgspec.structs import asdict
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from engine.case import Case, CaseStatus, Failure, Handling, Run
from engine.effects import Call
from engine.exceptions.exlets import written_as
from engine.executions import execution_of, executions
from engine.history import Then
from engine.items.work_item import ItemState, WorkItem
from engine.journal import Entry, Note
from engine.names import case_of, child_id, item_id, number_of, root_of
from engine.net.ending import result_of
from engine.spec.model import Kind, Net, Specification

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d")

SCHEMA_REFERENCE = b"#/schemas/"

DEFAULT_LIMIT = 50
GREATEST_LIMIT = 500


class Body(BaseModel):
    """What a client sends. Unknown names are refused, and no type is taken for another."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _written(value: Any) -> Any:
    """Lets only text through that is written as RFC 3339 says: a bare number could be seconds, or anything."""
    if isinstance(value, str) and not _RFC_3339.match(value):
        raise ValueError("is to be written as 2026-01-31T08:15:00Z")
    if isinstance(value, int | float):
        raise ValueError("is to be text, as 2026-01-31T08:15:00Z")
    return value


AMoment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written)]
"""A moment as clients write it."""


class Nothing(Body):
    """A body without anything in it; it may be left out."""


class ListQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=GREATEST_LIMIT)
    cursor: str | None = Field(None, description="`next` of the page before", max_length=512, pattern="^[ -~]*$")


class CaseAddress(BaseModel):
    """Names a case."""

    case_id: str


class ItemAddress(BaseModel):
    """Names an item."""

    item_id: str


class InstanceCounts(BaseModel):
    """How the instances of a task stand: how many there are to be, and how many have ended in which way."""

    total: int
    completed: int
    failed: int
    cancelled: int
    active: int


class LivingTask(BaseModel):
    """A task of a case that waits for somebody, or is under way. `instances` is there where it has several."""

    task: str
    state: str
    item_id: str
    instances: InstanceCounts | None = None


class FailureView(BaseModel):
    """Why a case failed."""

    kind: str
    message: str
    task: str | None
    item_id: str | None


class TimerView(BaseModel):
    """A timer that runs: of a task, of its delay, for the deadline of the case or for its start."""

    kind: str
    task: str | None
    due_at: str | None


class HandlingView(BaseModel):
    """An exception that is being handled: what it was, where, and what is still to be done about it.

    `waits_for` are the cases of worklets that have to end before that.
    """

    kind: str
    task: str | None
    item_id: str | None
    message: str
    raised_at: str | None
    left: list[Any]
    waits_for: list[str]


class CaseSummary(BaseModel):
    """A case as lists show it. `specification` and `version` name what it runs."""

    case_id: str
    specification: str
    version: str
    status: CaseStatus
    parent_case_id: str | None
    root_case_id: str
    submitted_by: str
    correlation_id: str
    created_at: str | None
    updated_at: str | None
    ended_at: str | None
    failure: FailureView | None


class CaseView(CaseSummary):
    """A whole case. `marking` counts tokens by place; `result` holds the output variables once it is completed.

    `children` are its newest child cases; `triggers` are events from outside that no task has consumed yet;
    `handling` are exceptions that something is being done about, and `ending` says how a case ends that compensates.
    """

    children: list[str]
    triggers: list[str]
    timers: list[TimerView]
    data: dict[str, Any]
    marking: dict[str, int]
    tasks: list[LivingTask]
    handling: list[HandlingView]
    ending: CaseStatus | None
    result: dict[str, Any] | None


class CaseList(BaseModel):
    """A page of cases, newest first."""

    items: list[CaseSummary]
    next: str | None


class ItemView(BaseModel):
    """An item, or the call of an automated task (then `connector` says who makes it).

    `applied` says of a completed item whether its tokens have flowed; `version` counts its moves. `instance` is its
    index, from 0, where its task has several; `child_case_id` the case that a composite task runs. `callback_url` is
    where the outcome of a call is awaited: whoever knows it may complete the call.
    """

    item_id: str
    case_id: str
    specification: str
    specification_version: str
    task: str
    kind: str
    state: ItemState
    applied: bool | None = None
    offered_to: list[str] = []
    owner: str | None = None
    input: dict[str, Any]
    output: Any = None
    form: Any = None
    priority: int = 0
    created_at: str | None = None
    offered_at: str | None = None
    allocated_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    due_at: str | None = None
    version: int = 0
    connector: str | None = None
    instance: int | None = None
    child_case_id: str | None = None
    callback_url: str | None = None


class ItemList(BaseModel):
    """A page of items, oldest first."""

    items: list[ItemView]
    next: str | None


class JournalEntry(BaseModel):
    """One event of a case with what it did. `digest` is that of the case after it, in hexadecimal."""

    seq: int
    at: str | None
    event: dict[str, Any]
    effects: list[dict[str, Any]]
    semantics: int
    digest: str
    correlation_id: str


class JournalPage(BaseModel):
    """A page of a journal, in order."""

    items: list[JournalEntry]
    next: str | None


class CaseThen(CaseView):
    """A case with its items as they were after the entry `seq` of its journal, which came at `as_of`.

    `children` are those that ran then.
    """

    seq: int
    as_of: str | None
    items: list[ItemView]


class JournalAnswer(RootModel[JournalPage | CaseThen]):
    """A page of a journal; with `at` or `seq` the case as it was then."""


def moment(milliseconds: int) -> str | None:
    """A time as text: `2026-01-31T08:15:00.250Z`. Zero is what has not happened."""
    if not milliseconds:
        return None
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def case_summary(case: Case) -> CaseSummary:
    """A case as lists show it."""
    return CaseSummary(**_summary(case))


def case_view(case: Case, net: Net, children: Sequence[str] = ()) -> CaseView:
    """A whole case of a net."""
    return CaseView(**_whole(case, net, children))


def case_then_view(then: Then, specification: Specification) -> CaseThen:
    """A case as it was, of the version of its specification that it ran then."""
    net = specification.nets[then.case.net]
    children = [child_id(then.case.id, number_of(view.item_id)) for view in children_views(then.case, net)]
    items = [item_view(item, specification) for item in then.items]
    return CaseThen(**_whole(then.case, net, children), seq=then.seq, as_of=moment(then.at), items=items)


def _whole(case: Case, net: Net, children: Sequence[str]) -> dict[str, Any]:
    return {
        **_summary(case),
        "children": list(children),
        "triggers": [name for name, _ in case.triggers],
        "timers": [
            TimerView(
                kind=timer.kind,
                task=case.runs[timer.run].task if timer.run in case.runs else None,
                due_at=moment(timer.due),
            )
            for timer in sorted(case.timers.values(), key=lambda timer: timer.due)
        ],
        "data": case.data,
        "marking": case.marking,
        "tasks": [
            LivingTask(task=run.task, state=run.state, item_id=item_id(case.id, number), instances=_counts(run))
            for number, run in case.runs.items()
        ],
        "handling": [handling_view(case, handled) for handled in case.handling.values()],
        "ending": case.ending.status if case.ending is not None else None,
        "result": result_of(case, net) if case.status is CaseStatus.COMPLETED else None,
    }


def handling_view(case: Case, handled: Handling) -> HandlingView:
    """An exception that is being handled."""
    return HandlingView(
        kind=handled.kind,
        task=handled.task or None,
        item_id=item_id(case.id, handled.execution) if handled.execution else None,
        message=handled.message,
        raised_at=moment(handled.at),
        left=written_as(handled.exlet),
        waits_for=[child_id(case.id, number) for number, index in handled.waits if index >= 0],
    )


def item_view(item: WorkItem, specification: Specification) -> ItemView:
    """An item of a person."""
    return ItemView(
        item_id=item.id,
        case_id=item.case_id,
        specification=item.specification,
        specification_version=item.specification_version,
        task=item.task,
        kind=item.kind,
        state=item.state,
        applied=item.applied,
        offered_to=list(item.offered_to),
        owner=item.owner,
        input=item.input,
        output=item.output,
        form=_form(item, specification),
        priority=item.priority,
        created_at=moment(item.created_at),
        offered_at=moment(item.offered_at),
        allocated_at=moment(item.allocated_at),
        started_at=moment(item.started_at),
        ended_at=moment(item.ended_at),
        due_at=moment(item.due_at),
        version=item.version,
        instance=item.instance,
    )


def call_view(call: Call, case: Case) -> ItemView:
    """The call of an automated task. Its configuration is not shown: it may say where secrets are kept."""
    return ItemView(
        item_id=call.item,
        case_id=case_of(call.item),
        specification=case.specification,
        specification_version=case.specification_version,
        task=call.task,
        kind=Kind.AUTOMATED,
        state=ItemState.STARTED,
        input=call.input,
        created_at=moment(call.placed_at),
        connector=call.connector,
        instance=call.instance,
    )


def children_views(case: Case, net: Net) -> list[ItemView]:
    """The composite tasks of a case that are under way, one for each child case that may still run."""
    found = []
    for number in executions(case):
        execution = execution_of(case, number)
        if execution is None or net.tasks[execution.run.task].kind is not Kind.COMPOSITE:
            continue
        found.append(
            ItemView(
                item_id=item_id(case.id, number),
                case_id=case.id,
                specification=case.specification,
                specification_version=case.specification_version,
                task=execution.run.task,
                kind=Kind.COMPOSITE,
                state=ItemState.STARTED,
                input={},
                instance=execution.instance,
                child_case_id=child_id(case.id, number),
            )
        )
    return found


def entry_view(case_id: str, seq: int, entry: Entry) -> JournalEntry:
    """An entry of a journal, the `seq`-th from 1 on."""
    return JournalEntry(
        seq=seq,
        at=moment(entry.at),
        event={"type": entry.event.__struct_config__.tag, **asdict(entry.event)},
        effects=[_note_view(case_id, note) for note in entry.notes],
        semantics=entry.semantics,
        digest=entry.digest.hex(),
        correlation_id=entry.correlation_id,
    )


def _summary(case: Case) -> dict[str, Any]:
    return {
        "case_id": case.id,
        "specification": case.specification,
        "version": case.specification_version,
        "status": case.status,
        "parent_case_id": case.parent,
        "root_case_id": root_of(case.id),
        "submitted_by": case.submitted_by,
        "correlation_id": case.correlation_id,
        "created_at": moment(case.created_at),
        "updated_at": moment(case.updated_at or case.created_at),
        "ended_at": moment(case.ended_at),
        "failure": _failure_view(case.failure) if case.failure is not None else None,
    }


def _failure_view(failure: Failure) -> FailureView:
    return FailureView(kind=failure.kind, message=failure.message, task=failure.task, item_id=failure.item)


def _counts(run: Run) -> InstanceCounts | None:
    group = run.instances
    if group is None:
        return None
    return InstanceCounts(
        total=group.planned,
        completed=group.completed,
        failed=group.failed,
        cancelled=group.cancelled,
        active=group.active,
    )


def _form(item: WorkItem, specification: Specification) -> Any:
    """The JSON Schema of an item's output. Schemas of the specification that it refers to come with it."""
    form = specification.nets[item.net].tasks[item.task].form
    if form is None:
        return None
    schemas = specification.document.get("schemas")
    if schemas and SCHEMA_REFERENCE in encode(form.document):
        return {**form.document, "schemas": schemas}
    return form.document


def _note_view(case_id: str, note: Note) -> dict[str, Any]:
    shown: dict[str, Any] = {"what": note.what}
    if note.task:
        shown["task"] = note.task
    if note.number:
        shown["item_id"] = item_id(case_id, note.number)
    if note.detail is not None:
        shown["detail"] = note.detail
    return shown
