"""Events of the case as a whole: it begins, goes on, is cancelled, stands still after a fault."""

from engine.case import CaseStatus
from engine.draft import Draft
from engine.events import CaseCancelled, CaseFaulted, CaseSubmitted, Continued
from engine.net import marking
from engine.net.ending import end, sweep
from engine.spec.model import START


def submitted(draft: Draft, event: CaseSubmitted) -> None:
    """The case begins: its variables are set and the start condition gets its token."""
    case = draft.case
    if case.status is not CaseStatus.SUBMITTED:
        draft.note("ignored", detail="the case has begun already")
        return
    case.status = CaseStatus.RUNNING
    case.created_at = draft.at
    draft.set_data({name: v.default for name, v in draft.net.variables.items() if v.has_default})
    draft.set_data(event.data)
    marking.add(case.marking, START)
    draft.touched.add(START)


def cancelled(draft: Draft, event: CaseCancelled) -> None:
    """The whole case is cancelled (WCP-20)."""
    if draft.case.ended:
        draft.note("ignored", detail=f"the case is {draft.case.status}")
        return
    end(draft, CaseStatus.CANCELLED)


def continued(draft: Draft, event: Continued) -> None:
    """A step that had reached its bound goes on: with clearing away, or with what can be taken."""
    if draft.case.ended:
        sweep(draft)
    else:
        draft.touched.update(draft.case.marking)


def faulted(draft: Draft, event: CaseFaulted) -> None:
    """An event of this case could not be handled. It stands still until somebody retries or cancels."""
    if not draft.case.ended:
        draft.case.status = CaseStatus.FAULTED
        draft.note("faulted", detail=event.error)
