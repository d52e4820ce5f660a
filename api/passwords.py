"""Passwords: kept as Argon2id (RFC 9106) hashes, and compared in a time that tells nothing.

Those that were kept as scrypt (RFC 7914) before are still compared, and kept anew when their owner logs in.
"""

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from werkzeug.security import check_password_hash

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
"""19 MiB, twice: what OWASP's password storage cheat sheet asks for at least. As many logins as there are threads must
fit into memory at the same time."""

NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""The hash of no password: compared with where there is no user, so that this takes as long as where there is one."""

FORMER = "scrypt:"


def hashed(password: str) -> str:
    """A salted hash of a password."""
    return HASHER.hash(password.encode(errors="surrogatepass"))


def matches(password: str, password_hash: str | None) -> bool:
    """Whether this is the password. Without a hash it is not, after the same work."""
    given, kept = password.encode(errors="surrogatepass"), password_hash or NOBODYS_HASH
    if kept.startswith(FORMER):
        return check_password_hash(kept, password)
    return verified(kept, given) and password_hash is not None


def verified(password_hash: str, given: bytes) -> bool:
    """Whether a hash is of these bytes. False also for what is no hash."""
    try:
        return HASHER.verify(password_hash, given)
    except (VerifyMismatchError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether a hash is to be made anew, when the password is known."""
    return password_hash.startswith(FORMER) or HASHER.check_needs_rehash(password_hash)
