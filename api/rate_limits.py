"""Rate limits: how many requests a second each user may send, counted in Redis for all processes together.

`CASEWRIGHT_REQUESTS_PER_S` on the average, twice as many at once; 0 switches it off. Whoever shows no token is counted
by his address.
"""

from math import ceil

from flask import request

from api.context import parts
from engine.errors import Overloaded, Unavailable
from engine.store.quotas import Rate

BURST_S = 2
"""So many seconds' worth of requests may come at once."""


class TooManyRequests(Overloaded):
    """Somebody asks too often. `retry_after_s` is when he may ask again."""

    code = "too_many_requests"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests: try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


def count(user: str | None) -> None:
    """Counts a request of a user, or of an address. Raises `TooManyRequests`."""
    per_s = parts().settings.requests_per_s
    if not per_s:
        return
    name = f"user:{user}" if user is not None else f"address:{request.remote_addr or ''}"
    try:
        waits = parts().access.quotas.take(name, Rate(per_s, per_s * BURST_S))
    except Unavailable:
        # A Redis that is full cannot count and can still be read; one that is away refuses the request itself.
        return
    if waits > 0:
        raise TooManyRequests(ceil(waits))
