"""Upkeep: whatever was lost on the way (a message, a worker, the whole broker), somebody is told of the work again.

What is still to be done stands in the store. A round asks every shard in one round trip and rings where events wait
that nobody drains, and where timers and calls are due: because a bell was lost, a pause before a repetition is over,
or a taker's time has run out. Where calls wait at a gate, whoever would let them in may have died too.
"""

import logging

from deploy.wiring import Parts
from engine.errors import Unavailable

log = logging.getLogger(__name__)


def recover(parts: Parts) -> None:
    """One round. Harmless at any time, also twice at once: a bell too many finds nothing to do."""
    try:
        work, queues = parts.store.work(), parts.gates.queues()
    except Unavailable as away:
        log.warning("nothing is recovered while the store is away: %s", away)
        return
    for shard in work:
        if shard.undrained or shard.due_timers:
            parts.doorbell.ring(shard.shard)
        if shard.due_calls:
            parts.doorbell.calls(shard.shard)
    for gate in queues:
        parts.doorbell.let_in(gate)
