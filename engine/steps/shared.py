"""Events of shared data: what cases share was read, was changed by somebody else, is no longer needed."""

from engine.case import CaseStatus
from engine.draft import Draft
from engine.effects import CloseShared
from engine.events import SharedAnswered, SharedChanged, SharedClosed
from engine.net import sharing
from engine.steps import cases


def answered(draft: Draft, event: SharedAnswered) -> None:
    """What the case shares is known: it takes what differs from what it has, as far as it fits."""
    if draft.case.ended:
        draft.note("ignored", detail=f"the case is {draft.case.status}")
        return
    changes, problems = sharing.news(draft.net, draft.case.data, event.values)
    draft.set_data(changes)
    if changes:
        draft.note("read", detail=sorted(changes))
    for path, message in problems:
        draft.note("refused", detail=f"{path}: {message}")
    if event.begins and draft.case.status is CaseStatus.SUBMITTED:
        cases.begin_net(draft)


def changed(draft: Draft, event: SharedChanged) -> None:
    """Whoever brought it has read what changed, and the case has taken that before."""


def closed(draft: Draft, event: SharedClosed) -> None:
    """The root case has ended: what its tree shared goes."""
    draft.effects.append(CloseShared(sharing.case_place(draft.case.id)))
