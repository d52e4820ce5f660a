"""The state of a net: all that its joins look at. A case has one, and so has each state that an analysis visits."""

from dataclasses import dataclass, field

from engine.net.marking import Due, Marking
from engine.spec.model import Net


@dataclass(slots=True)
class NetState:
    """Tokens in places; what partial joins still swallow; and how many runs of each task hold tokens of their own."""

    net: Net
    marking: Marking
    due: dict[str, Due] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "NetState":
        """A state that can be changed without changing this one."""
        return NetState(self.net, self.marking.copy(), self.due.copy(), self.busy.copy())
