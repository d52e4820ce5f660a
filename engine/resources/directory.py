"""Distribution: the answer to whom an item goes, from the organisation as it is now.

The organisation is kept in the process and read again when its version has changed, which is asked once for each
batch of events in which anything is distributed: a change made now counts in the next offer.
"""

from random import Random

from engine.effects import Distribute
from engine.events import Distributed
from engine.resources.organisation import Organisation
from engine.spec.model import Initiator
from engine.store.registry import Registry


class Directory:
    """The organisation of a registry, kept up to date. Safe for use by several threads."""

    def __init__(self, registry: Registry, random: Random) -> None:
        self._registry = registry
        self._random = random
        self._organisation = Organisation(-1, ())

    def now(self) -> Organisation:
        """The organisation as it is now."""
        version = self._registry.organisation_version()
        if version != self._organisation.version:
            self._organisation = Organisation(version, self._registry.participants())
        return self._organisation

    def snapshot(self) -> "Snapshot":
        """Answers the questions of one batch."""
        return Snapshot(self, self._random)


class Snapshot:
    """Distributes by the organisation as it is when the first question is asked."""

    __slots__ = ("_directory", "_organisation", "_random")

    def __init__(self, directory: Directory, random: Random) -> None:
        self._directory = directory
        self._random = random
        self._organisation: Organisation | None = None

    def distribute(self, question: Distribute) -> Distributed:
        """To whom an item is offered, or who owns it; nobody where no one is eligible or an administrator decides."""
        if question.interaction.offer is Initiator.USER:
            return Distributed(question.item)
        if self._organisation is None:
            self._organisation = self._directory.now()
        eligible = self._organisation.eligible(question)
        if eligible and question.interaction.allocate is Initiator.SYSTEM:
            return Distributed(question.item, eligible, self._random.choice(eligible))
        return Distributed(question.item, eligible)
