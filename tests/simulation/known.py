"""Bugs of the engine that are found and written down, and not yet mended: seeds that only meet them are counted apart.

An entry goes when its bug does.
"""

from dataclasses import dataclass

from tests.simulation.plan import Report


@dataclass(frozen=True)
class Known:
    """A bug, and how a report that meets it reads."""

    bug: str
    promise: str
    says: str


KNOWN: tuple[Known, ...] = (
    Known(
        "a case whose first event was set aside cannot be replayed: its stub had another created_at",
        "replay equals state",
        "journal entry 0: the case after CaseFaulted is not the recorded one",
    ),
    Known(
        "what was parked for a faulted case is thrown away without a word when the case is cancelled",
        "what was completed is applied or discarded",
        "of a cancelled case",
    ),
)


def known(report: Report) -> str:
    """The bug that a failing seed has met; empty when it is a new one."""
    for each in KNOWN:
        if report.promise == each.promise and each.says in report.problem:
            return each.bug
    return ""
