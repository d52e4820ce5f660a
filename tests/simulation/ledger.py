"""What clients were told: everything that was acknowledged, and must hold from then on."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Completion(NamedTuple):
    """By whom an item was completed, and with what."""

    by: str
    output: Any


@dataclass
class Ledger:
    """Acknowledgements, and what clients asked for whose answer they never saw (`asked`)."""

    submitted: set[str] = field(default_factory=set)
    completed: dict[str, Completion] = field(default_factory=dict)
    claimed: dict[str, str] = field(default_factory=dict)
    started: dict[str, str] = field(default_factory=dict)
    wishes: dict[str, str] = field(default_factory=dict)
    """Correlation id to case: cancel, suspend, resume, trigger. Each was to be kept once."""

    asked: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    """Cases that somebody asked to cancel, heard or not."""
    claims: int = 0
