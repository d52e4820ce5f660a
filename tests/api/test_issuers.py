"""Outside issuers: whose tokens count, for what, and with which keys."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from deploy.settings import SettingsError
from engine.store.registry import User
from tests.api.bench import JWT_SECRET, Bench, bench_of, settings_for

ISSUER, AUDIENCE = "https://id.example.org/realm", "casewright"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGERS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

JWKS = {
    "keys": [
        {**json.loads(RSAAlgorithm.to_jwk(RSA_KEY.public_key())), "kid": "rsa", "use": "sig"},
        {**json.loads(ECAlgorithm.to_jwk(EC_KEY.public_key())), "kid": "ec", "use": "sig"},
    ]
}

Build = Callable[..., Bench]


def token(key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "eve", "iat": now, "exp": now + 300, "roles": ["staff"]}
    given = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(given, key, algorithm, {"kid": kid} if kid is not None else {})


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Makes an application that knows one issuer, whose keys stand in a file."""

    def made(**changes: Any) -> Bench:
        keys = tmp_path / "jwks.json"
        keys.write_text(json.dumps(JWKS))
        issuer = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(keys), "roles": {"staff": ["auditor"]}}
        written = {name: value for name, value in {**issuer, **changes}.items() if value is not None}
        file = tmp_path / "issuers.yaml"
        file.write_text(json.dumps([written]))
        bench = bench_of(settings_for(tmp_path, issuers=file))
        bench.parts.registry.put_user(User("eve", access=("auditor", "operator")))
        return bench

    return made


def status(bench: Bench, shown: str, path: str = "/api/v1/cases") -> tuple[int, str]:
    answered = bench.anybody(shown).get(path)
    return answered.status_code, answered.json.get("code", "")


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(RSA_KEY, "RS256", "rsa"), (EC_KEY, "ES256", "ec")])
def test_who_is_known_there_and_here_is_let_in(build: Build, key: Any, algorithm: str, kid: str) -> None:
    bench = build()
    assert status(bench, token(key, algorithm, kid)) == (200, "")
    assert status(bench, token(key, algorithm, kid, aud=["other", AUDIENCE])) == (200, "")


def test_what_is_granted_is_what_both_sides_say(build: Build) -> None:
    bench = build()
    assert status(bench, token(), "/api/v1/audit") == (200, "")
    assert bench.anybody(token()).post("/api/v1/cases", {}).status_code == 403
    assert status(bench, token(roles=["guest"]))[0] == 403
    bench.parts.registry.put_user(User("eve", access=("participant",)))
    assert status(bench, token())[0] == 403


def test_who_is_not_entered_here_is_let_in_where_the_issuer_is_trusted_with_that(build: Build) -> None:
    assert status(build(), token(sub="bob")) == (401, "user_disabled")
    trusting = build(users="any")
    assert status(trusting, token(sub="bob")) == (200, "")
    assert status(trusting, token(sub="a b")) == (401, "user_disabled")


def test_roles_and_names_stand_where_the_issuer_puts_them(build: Build) -> None:
    bench = build(roles_claim="realm_access.roles", user_claim="preferred", prefix="corp-")
    bench.parts.registry.put_user(User("corp-eve", access=("auditor",)))
    assert status(bench, token(preferred="eve", realm_access={"roles": ["staff"]})) == (200, "")
    assert status(bench, token(preferred="eve", realm_access={"roles": 5}))[0] == 403
    everybody = build(roles={"*": ["auditor"]})
    assert status(everybody, token(roles=None)) == (200, "")


PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)

BAD = {
    "expired": lambda: token(exp=int(time.time()) - 3600),
    "without an end": lambda: token(exp=None),
    "for another audience": lambda: token(aud="elsewhere"),
    "for nobody": lambda: token(aud=None),
    "signed by a stranger": lambda: token(STRANGERS_KEY),
    "with a key of another name": lambda: token(kid="nobody"),
    "without the name of its key": lambda: token(kid=None),
    "with the EC key under the name of the RSA key": lambda: token(EC_KEY, "ES256", "rsa"),
    "with an algorithm that is not allowed": lambda: token(RSA_KEY, "PS256"),
    "with the secret of this installation": lambda: token(JWT_SECRET, "HS256"),
    "of nobody": lambda: token(sub=None),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_a_token_of_the_issuer_that_is_not_good_is_refused(build: Build, make: Callable[[], str]) -> None:
    code, name = status(build(), make())
    assert code == 401 and name in ("token_invalid", "token_expired")


def test_the_public_key_is_no_shared_secret(build: Build) -> None:
    """Algorithm confusion (CVE-2015-9235): a token signed by HMAC with what everybody may know."""

    def part(value: object) -> bytes:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "eve", "exp": int(time.time()) + 300, "roles": ["staff"]}
    signed = part({"alg": "HS256", "kid": "rsa"}) + b"." + part(claims)
    signature = urlsafe_b64encode(hmac.digest(PUBLIC_PEM, signed, hashlib.sha256)).rstrip(b"=")
    assert status(build(), (signed + b"." + signature).decode())[0] == 401


def test_a_token_of_another_issuer_can_be_revoked_here(build: Build) -> None:
    bench = build()
    for shown in (token(jti="1"), token()):
        assert bench.anybody(shown).post("/api/v1/auth/revoke").status_code == 204
        assert status(bench, shown) == (401, "token_revoked")
    assert bench.anybody(token(jti="2")).post("/api/v1/auth/refresh").json["code"] == "token_invalid"


class KeyServer:
    """Serves a key set, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked, self.status = 0, 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(json.dumps(JWKS).encode())

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/jwks"


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    serving = KeyServer()
    yield serving
    serving.server.shutdown()
    serving.server.server_close()


def test_keys_are_fetched_once_and_not_for_every_name_that_somebody_makes_up(
    build: Build, key_server: KeyServer
) -> None:
    bench = build(jwks_file=None, jwks_url=key_server.url)
    assert [status(bench, token())[0] for _ in range(3)] == [200, 200, 200]
    assert [status(bench, token(kid=f"made-up-{n}"))[0] for n in range(5)] == [401] * 5
    assert key_server.asked == 1


def test_while_keys_are_not_to_be_had_they_are_not_asked_for_by_everybody(build: Build, key_server: KeyServer) -> None:
    key_server.status = 500
    bench = build(jwks_file=None, jwks_url=key_server.url)
    assert [status(bench, token()) for _ in range(3)] == [(503, "issuer_unavailable")] * 3
    assert key_server.asked == 1
    assert bench.admin.get("/api/v1/cases").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [{"audience": None}, {"jwks_file": None}, {"algorithms": ["HS256"]}, {"algorithms": ["none"]}, {"role": {}}],
)
def test_an_issuer_that_is_not_described_well_keeps_the_api_from_starting(
    build: Build, changes: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError, match="CASEWRIGHT_ISSUERS"):
        build(**changes)
