"""Passwords: kept as scrypt (RFC 7914) hashes, and compared in a time that tells nothing."""

from werkzeug.security import check_password_hash, generate_password_hash

METHOD = "scrypt:32768:8:1"
"""N = 2^15, r = 8, p = 1: 32 MiB and some 60 ms for each attempt."""

NOBODYS_HASH = f"{METHOD}$0000000000000000${'0' * 128}"
"""The hash of no password: compared with where there is no user, so that this takes as long as where there is one."""


def hashed(password: str) -> str:
    """A salted hash of a password."""
    return generate_password_hash(password, METHOD)


def matches(password: str, password_hash: str | None) -> bool:
    """Whether this is the password. Without a hash it is not, after the same work."""
    return check_password_hash(password_hash or NOBODYS_HASH, password) and password_hash is not None
