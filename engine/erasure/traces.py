"""The port of traces: what a store knows of a person beside the cases."""

from typing import Protocol


class Traces(Protocol):
    """Where they are. Every method may raise `Unavailable`; each may be done again."""

    def remove_person(self, person: str) -> int:
        """Removes the participant, the users who act as him, their API keys, and who piles and chains; how many."""

    def remove_history(self, person: str) -> int:
        """Removes what was counted of his work; how many counters."""

    def rename_in_audit(self, users: list[str], pseudonym: str) -> int:
        """Calls users otherwise in the audit log; how many entries."""

    def users_of(self, person: str) -> list[str]:
        """The users who act as a participant."""

    def remove_offers(self, person: str) -> int:
        """Removes sets of people that something was offered to once; how many. Only while no case names him."""
