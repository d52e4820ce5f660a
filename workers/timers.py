"""Timers: those that are due become events, at every tick of beat.

A timer is claimed by the script that makes an event of it, so two beats, or a beat and a drainer, are harmless. A tick
asks all shards in one round trip, and again as long as any has more than it gave.
"""

import logging

from deploy.wiring import Parts
from engine.errors import Unavailable

log = logging.getLogger(__name__)

FIRED_AT_ONCE = 1_000
"""Timers of one shard that one script makes events of: Redis serves nobody else meanwhile."""

MOST_ROUNDS = 1_000
"""Rounds of one tick. What is left then is the next one's."""


def tick(parts: Parts) -> None:
    """Fires what is due. Raises nothing while the store is away: what is due stays due."""
    shards = list(range(parts.store.shards))
    for _ in range(MOST_ROUNDS):
        try:
            fired = parts.store.fire_timers(shards, FIRED_AT_ONCE)
        except Unavailable as away:
            log.warning("no timer fires while the store is away: %s", away)
            return
        for shard, (_, ring) in zip(shards, fired, strict=True):
            if ring:
                parts.doorbell.ring(shard)
        shards = [shard for shard, (timers, _) in zip(shards, fired, strict=True) if timers == FIRED_AT_ONCE]
        if not shards:
            return
