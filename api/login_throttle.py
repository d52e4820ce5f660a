"""Brute force is slowed: who guesses passwords waits longer after each wrong one.

It is counted by name and by address. The wait of a name is bounded by a minute, so that nobody is locked out of his
account by somebody who knows what he is called; that of an address, from which many may ask, begins later. Names stand
in Redis as digests: people type passwords into the wrong field.
"""

from hashlib import sha256
from math import ceil

from flask import request

from api.context import parts
from engine.errors import Overloaded
from engine.store.quotas import Patience

OF_NAME = Patience(free=5, longest_s=60)
OF_ADDRESS = Patience(free=50, longest_s=300)


class TooManyGuesses(Overloaded):
    """Somebody has guessed wrong too often. `retry_after_s` is when he may try again."""

    code = "too_many_attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many wrong passwords: try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


def check(username: str) -> None:
    """Raises `TooManyGuesses` while nobody may try. A right password is then not looked at either."""
    waits = parts().access.quotas.waits([_of_name(username), _of_address()])
    if waits > 0:
        raise TooManyGuesses(ceil(waits))


def failed(username: str) -> None:
    """Counts a wrong password."""
    parts().access.quotas.fail(_of_name(username), OF_NAME)
    parts().access.quotas.fail(_of_address(), OF_ADDRESS)


def succeeded(username: str) -> None:
    """Forgets what was wrong for this name. Not of the address: one right password must not buy guesses of others."""
    parts().access.quotas.forgive([_of_name(username)])


def _of_name(username: str) -> str:
    return f"name:{sha256(username.encode(errors='surrogatepass')).hexdigest()[:32]}"


def _of_address() -> str:
    return f"address:{request.remote_addr or ''}"
