"""Submissions: cases begin here, one or many. Their input is checked before anything is kept."""

from typing import Any
from uuid import uuid4

from flask import Response
from pydantic import BaseModel, Field, ValidationError

from api.answers import answer, plain_answer
from api.archived import shelf_of
from api.context import correlation_id, parts, principal
from api.deployed import for_new_cases
from api.exact_rules import RESERVED
from api.idempotency import derived_case_id, given_key, same, submitted_data
from api.messages import Body, CaseView
from api.permissions import Permission
from api.problems import below, invalid, problem_of
from api.routes import API, Repeats, Routes
from api.scope import check_start
from api.waiting import Begun, when_handled
from api.whole_case import handled_case
from engine.data.moments import MomentInvalid, later, moment
from engine.errors import Conflict, InvalidInput, Overloaded, Problem, Refusal, Unavailable
from engine.events import CaseSubmitted
from engine.names import ROOT_CASE_ID, shard_of
from engine.spec.model import Specification
from engine.store.port import Submission
from engine.submission import submission

routes = Routes("cases")

MOST_CASES = 1000
"""How many cases one request may begin."""


class NewCase(Body):
    """A case to begin, at once unless it says when.

    Without `version` it runs the latest one; without `case_id` it gets one.
    """

    specification: str
    version: str | None = None
    data: dict[str, Any] = {}
    case_id: str | None = Field(None, pattern=f"^{ROOT_CASE_ID.pattern}$")
    start_at: str | None = Field(None, max_length=64, description="when it begins, as 2026-01-31T08:15:00Z")
    start_after: str | None = Field(None, max_length=64, description="how long it waits before, as PT4H")


class NewCases(Body):
    """Cases to begin, each for itself. What is wrong with one does not keep the others."""

    items: list[Any] = Field(max_length=MOST_CASES, description="each a NewCase")


class Accepted(BaseModel):
    """A case whose first event is kept. It runs soon."""

    case_id: str
    status: str = "submitted"


class AcceptedCases(BaseModel):
    """What became of each case, in order: it was accepted, or the problem."""

    items: list[Any] = Field(description="each an Accepted or a ProblemDocument")


@routes.post("/cases", Permission.CASES_START, {200: CaseView, 202: Accepted}, Repeats.BY_ITSELF, waits=True)
def start_case(body: NewCase) -> Response:
    """Begins a case."""
    key = given_key()
    case_id = body.case_id or (derived_case_id(principal().user, "POST /cases", key) if key else uuid4().hex)

    def submit() -> Begun:
        if key is not None and _is_repeated(case_id, body):
            return _begun(case_id)
        store = parts().store
        if _is_archived(body.case_id):
            raise _taken(case_id)
        wanted = _submission(body, case_id, {}, store.now())
        [answered] = store.submit([wanted], parts().settings.most_waiting)
        if answered.full:
            raise overloaded()
        # Two of the same request at once: the one that came second finds what the first has done.
        if not answered.accepted and not (key is not None and _is_repeated(case_id, body)):
            raise _taken(case_id)
        if answered.ring:
            parts().doorbell.ring(shard_of(case_id, parts().store.shards))
        return Begun(0, wanted.envelope.event) if answered.accepted else _begun(case_id)

    return handled_case(case_id) if when_handled(case_id, submit) else _accepted(case_id)


@routes.post("/cases/bulk", Permission.CASES_START, {202: AcceptedCases})
def start_cases(body: NewCases) -> Response:
    """Begins many cases. It is not atomic: the answer says in order what became of each."""
    store = parts().store
    specifications: dict[tuple[str, str | None], Specification] = {}
    now = store.now()
    read = [_read(item, specifications, now) for item in body.items]
    submissions = [each for each in read if isinstance(each, Submission)]
    answers = iter(store.submit(submissions, parts().settings.most_waiting)) if submissions else iter(())
    outcomes: list[Any] = []
    bells: set[int] = set()
    for each in read:
        if isinstance(each, Refusal):
            outcomes.append(_shown(each))
            continue
        answered, case_id = next(answers), each.stub.id
        refused = overloaded() if answered.full else _taken(case_id)
        outcomes.append(Accepted(case_id=case_id).model_dump() if answered.accepted else _shown(refused))
        if answered.ring:
            bells.add(shard_of(case_id, store.shards))
    for shard in sorted(bells):
        parts().doorbell.ring(shard)
    return plain_answer({"items": outcomes}, 202)


def overloaded() -> Overloaded:
    """The refusal of new work while too much waits."""
    most = parts().settings.most_waiting
    return Overloaded(f"{most} events and calls or more wait in this shard already; try again later")


def _read(item: Any, specifications: dict[tuple[str, str | None], Specification], now: int) -> Submission | Refusal:
    """One of many cases, or why it cannot begin."""
    try:
        wanted = NewCase.model_validate(item)
        if _is_archived(wanted.case_id):
            return _taken(wanted.case_id or "")
        return _submission(wanted, wanted.case_id or uuid4().hex, specifications, now)
    except ValidationError as error:
        return invalid(error)
    except Unavailable:
        raise
    except Refusal as refusal:
        return refusal


def _check_id(case_id: str | None) -> None:
    if case_id in RESERVED:
        problem = Problem("$.case_id", f"must not be one of {', '.join(sorted(RESERVED))}")
        raise InvalidInput("a case cannot be called so", code="invalid_request", problems=(problem,))


def _submission(
    wanted: NewCase, case_id: str, specifications: dict[tuple[str, str | None], Specification], now: int
) -> Submission:
    """A case ready to be submitted. `specifications` are those that this request has looked up before."""
    _check_id(wanted.case_id)
    named = wanted.specification, wanted.version
    if named not in specifications:
        specifications[named] = for_new_cases(*named)
    check_start(specifications[named], wanted.data)
    not_before = _beginning(wanted, now)
    try:
        return submission(
            specifications[named],
            case_id,
            wanted.data,
            by=principal().participant,
            correlation_id=correlation_id(),
            at=now,
            not_before=not_before,
        )
    except InvalidInput as refusal:
        problems = below("$.data", refusal.problems)
        raise InvalidInput(refusal.message, code=refusal.code, problems=problems) from None


def _beginning(wanted: NewCase, now: int) -> int:
    """When a case begins, 0 for at once. Raises `InvalidInput` (`invalid_start`)."""
    problems = []
    if wanted.start_at is not None and wanted.start_after is not None:
        problems.append(Problem("$.start_after", "a case begins at a moment or after a while, not both"))
    for name, text, read in (
        ("start_at", wanted.start_at, moment),
        ("start_after", wanted.start_after, lambda text: later(now, text)),
    ):
        if text is not None and not problems:
            try:
                return read(text)
            except MomentInvalid as invalid:
                problems.append(Problem(f"$.{name}", str(invalid)))
    if problems:
        raise InvalidInput("it is not clear when the case begins", code="invalid_start", problems=problems)
    return 0


def _is_repeated(case_id: str, wanted: NewCase) -> bool:
    """Whether the case is there because this was asked before. Raises `InvalidInput` (`idempotency_key_reused`)."""
    case = shelf_of(case_id).case(case_id)
    if case is None:
        return False
    asked = (
        case.specification == wanted.specification
        and wanted.version in (None, case.specification_version)
        and case.submitted_by == principal().participant
        and same(submitted_data(parts().store, case), wanted.data)
    )
    if not asked and wanted.case_id is not None:
        raise _taken(case_id)
    if not asked:
        raise InvalidInput("this Idempotency-Key came with another body before", code="idempotency_key_reused")
    return True


def _begun(case_id: str) -> Begun:
    """The event that a case began with, of a request that came before."""
    case = shelf_of(case_id).case(case_id)
    assert case is not None, "it was found to be there"
    begins = shelf_of(case_id).journal(case_id, 0, 1)
    event = begins[0].event if begins else CaseSubmitted({}, "")
    return Begun(0, event, repeated=bool(begins))


def _is_archived(case_id: str | None) -> bool:
    """Whether a client names a case that has left the store. An id of ours is looked for nowhere: it is new."""
    return case_id is not None and parts().archive.case(case_id) is not None


def _accepted(case_id: str) -> Response:
    return answer(Accepted(case_id=case_id), 202, {"Location": f"{API}/cases/{case_id}"})


def _taken(case_id: str) -> Conflict:
    return Conflict(f"there is a case {case_id} already", code="case_id_taken")


def _shown(refusal: Refusal) -> dict[str, Any]:
    return problem_of(refusal).model_dump(exclude_none=True)
