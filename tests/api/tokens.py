"""Tokens of every kind that is not good, each made from what a good one would be."""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.api.bench import JWT_SECRET, Bench

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def claims(**changes: Any) -> dict[str, Any]:
    """What the token of an administrator says."""
    now = int(time.time())
    given = {"sub": "admin", "access": ["admin"], "resource": "admin", "type": "access", "fresh": False}
    return {**given, "jti": uuid4().hex, "iat": now, "nbf": now, "exp": now + 600, **changes}


def unsigned(header: dict[str, Any]) -> str:
    """A token that says it needs no signature."""
    encoded = (urlsafe_b64encode(json.dumps(part).encode()).decode() for part in (header, claims()))
    return ".".join(part.rstrip("=") for part in encoded) + "."


def not_good(bench: Bench) -> dict[str, tuple[str, str]]:
    """Tokens that must be refused everywhere, each with the code of the refusal."""
    revoked = claims()
    bench.parts.registry.revoke(revoked["jti"], 600)
    good = jwt.encode(claims(), JWT_SECRET)
    head, _, signature = good.partition(".")[0], "", good.rpartition(".")[2]
    swapped = jwt.encode(claims(sub="somebody"), "x" * 40).split(".")[1]
    return {
        "no token at all": ("", "token_missing"),
        "nonsense": ("x.y.z", "token_invalid"),
        "expired": (jwt.encode(claims(exp=int(time.time()) - 5), JWT_SECRET), "token_expired"),
        "not yet good": (jwt.encode(claims(nbf=int(time.time()) + 600), JWT_SECRET), "token_invalid"),
        "revoked": (jwt.encode(revoked, JWT_SECRET), "token_revoked"),
        "alg none": (unsigned({"alg": "none", "typ": "JWT"}), "token_invalid"),
        "alg None": (unsigned({"alg": "None", "typ": "JWT"}), "token_invalid"),
        "another key": (jwt.encode(claims(), "another secret, of quite enough bytes"), "token_invalid"),
        "a key nobody has": (jwt.encode(claims(), JWT_SECRET, headers={"kid": "0" * 16}), "token_invalid"),
        "another algorithm": (jwt.encode(claims(), JWT_SECRET * 2, "HS512"), "token_invalid"),
        "signed by a stranger's RSA key": (jwt.encode(claims(), RSA_KEY, "RS256"), "token_invalid"),
        "for another audience": (jwt.encode(claims(aud="elsewhere"), JWT_SECRET), "token_invalid"),
        "of an unknown issuer": (jwt.encode(claims(iss="https://nobody"), "x" * 40), "token_invalid"),
        "with the claims exchanged": (f"{head}.{swapped}.{signature}", "token_invalid"),
        "of a user who is gone": (jwt.encode(claims(sub="gone"), JWT_SECRET), "user_disabled"),
        "an API key nobody has": ("cwk_0123456789abcdef_guess", "token_invalid"),
    }
