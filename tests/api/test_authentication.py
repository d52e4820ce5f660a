"""Tokens: how they are got, what they are good for, and when they are refused."""

from base64 import urlsafe_b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask_jwt_extended import create_access_token

from api import passwords
from api.auth import add_first_user
from api.passwords import hashed
from deploy.credentials import load_or_create
from engine.store.registry import User
from tests.api.bench import JWT_SECRET, Bench, bench_of, settings_for


def logged_in(bench: Bench, name: str = "eve", password: str = "correct horse") -> dict[str, Any]:
    bench.parts.registry.put_user(User(name, hashed(password), ("operator",), "eve-1"))
    answered = bench.anybody().post("/api/v1/auth/token", {"username": name, "password": password})
    assert answered.status_code == 200
    return dict(answered.json)


def test_a_password_is_exchanged_for_tokens_that_say_who_it_is(bench: Bench) -> None:
    tokens = logged_in(bench)
    claims = jwt.decode(tokens["access_token"], JWT_SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["access"], claims["resource"]) == ("eve", ["operator"], "eve-1")
    assert tokens["expires_in"] == claims["exp"] - claims["iat"] == 3600
    assert bench.anybody(tokens["access_token"]).get("/api/v1/cases").status_code == 200


def test_answers_with_tokens_are_not_to_be_stored(bench: Bench) -> None:
    bench.parts.registry.put_user(User("eve", hashed("correct horse"), ()))
    answered = bench.anybody().post("/api/v1/auth/token", {"username": "eve", "password": "correct horse"})
    assert answered.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "user",
    [
        User("eve", hashed("another one"), ("admin",)),
        User("eve", None, ("admin",)),
        User("eve", hashed("correct horse"), ("admin",), None, True),
        None,
    ],
    ids=["wrong password", "no password", "disabled", "unknown"],
)
def test_who_may_not_log_in_is_told_the_same_after_the_same_work(
    bench: Bench, user: User | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    def unequal(password_hash: str, _: bytes) -> bool:
        compared.append(password_hash)
        return False

    monkeypatch.setattr(passwords, "verified", unequal)
    if user is not None:
        bench.parts.registry.put_user(user)
    answered = bench.anybody().post("/api/v1/auth/token", {"username": "eve", "password": "correct horse"})
    assert (answered.status_code, answered.json["code"]) == (401, "wrong_credentials")
    assert answered.json["detail"] == "the name or the password is wrong"
    [password_hash] = compared
    assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_nobodys_hash_matches_no_password() -> None:
    assert not passwords.matches("", None)
    assert not passwords.matches("correct horse", None)


def test_a_refresh_token_gives_a_new_access_token_and_nothing_else(bench: Bench) -> None:
    tokens = logged_in(bench)
    refresher = bench.anybody(tokens["refresh_token"])
    assert refresher.get("/api/v1/cases").json["code"] == "token_invalid"
    renewed = refresher.post("/api/v1/auth/refresh").json
    assert renewed["refresh_token"] == tokens["refresh_token"]
    assert bench.anybody(renewed["access_token"]).get("/api/v1/cases").status_code == 200


def test_an_access_token_refreshes_nothing(bench: Bench) -> None:
    answered = bench.admin.post("/api/v1/auth/refresh")
    assert (answered.status_code, answered.json["code"]) == (401, "token_invalid")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revoked_token_is_refused(bench: Bench, kind: str) -> None:
    holder = bench.anybody(logged_in(bench)[kind])
    assert holder.post("/api/v1/auth/revoke").status_code == 204
    answered = holder.post("/api/v1/auth/refresh" if kind == "refresh_token" else "/api/v1/auth/revoke")
    assert (answered.status_code, answered.json["code"]) == (401, "token_revoked")


def test_a_user_who_is_disabled_removed_or_has_lost_a_role_has_so_at_once(bench: Bench) -> None:
    eve = bench.user("eve", "auditor")
    assert eve.get("/api/v1/cases").status_code == 200
    bench.parts.registry.put_user(User("eve", None, ("participant",)))
    assert eve.get("/api/v1/cases").status_code == 403
    bench.parts.registry.put_user(User("eve", None, ("auditor",), None, True))
    assert eve.get("/api/v1/cases").json["code"] == "user_disabled"
    bench.parts.registry.delete_user("eve")
    assert eve.get("/api/v1/cases").json["code"] == "user_disabled"


def test_a_token_grants_no_more_than_it_says(bench: Bench) -> None:
    bench.user("eve", "admin")
    narrow = bench.anybody(bench.token("eve", "auditor"))
    assert narrow.get("/api/v1/cases").status_code == 200
    assert narrow.post("/api/v1/cases", {"specification": "orders"}).status_code == 403


def test_a_token_grants_no_more_than_its_user_has(bench: Bench) -> None:
    bench.user("eve", "auditor")
    assert bench.anybody(bench.token("eve", "admin")).get("/api/v1/users").status_code == 200
    assert bench.anybody(bench.token("eve", "operator")).get("/api/v1/users").status_code == 403


def _unsigned(header: str, payload: str = "{}") -> str:
    return ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (header, payload)) + "."


BAD_TOKENS = {
    "no token": "x",
    "three dots": "...",
    "not base64": "é.é.é",
    "no algorithm": _unsigned('{"alg":"none"}'),
    "a list as its header": _unsigned("[]"),
    "a header nested too deep": _unsigned("[" * 5000),
    "a number as its algorithm": _unsigned('{"alg":5}'),
    "an unknown critical header": _unsigned('{"alg":"HS256","crit":["x"]}'),
    "another secret": jwt.encode({"sub": "admin", "jti": "1", "exp": 1 << 40, "access": ["admin"]}, "x" * 40),
    "no jti": jwt.encode({"sub": "admin", "exp": 1 << 40, "access": ["admin"]}, JWT_SECRET),
    "no expiry": jwt.encode({"sub": "admin", "jti": "1", "access": ["admin"]}, JWT_SECRET),
    "no subject": jwt.encode({"jti": "1", "exp": 1 << 40, "access": ["admin"]}, JWT_SECRET),
    "a number as its subject": jwt.encode({"sub": 1, "jti": "1", "exp": 1 << 40}, JWT_SECRET),
    "another algorithm": jwt.encode({"sub": "admin", "jti": "1", "exp": 1 << 40}, JWT_SECRET * 2, algorithm="HS512"),
    "two words": "a b",
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_what_is_no_valid_token_is_refused(bench: Bench, token: str) -> None:
    header = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
    answered = bench.anybody().get_with("/api/v1/cases", header)
    assert answered.status_code == 401
    assert answered.headers["WWW-Authenticate"].startswith("Bearer")
    assert answered.json["code"] in ("token_invalid", "token_missing")


def test_a_token_without_roles_grants_nothing(bench: Bench) -> None:
    for access in (None, "admin", {"admin": 1}, [["admin"]], 5):
        claims = {"sub": "admin", "jti": "1", "exp": 1 << 40, "access": access}
        answered = bench.anybody(jwt.encode(claims, JWT_SECRET)).get("/api/v1/cases")
        assert answered.status_code == 403, access


def test_an_expired_token_is_refused(bench: Bench) -> None:
    with bench.app.app_context():
        old = create_access_token("admin", expires_delta=timedelta(seconds=-1))
    answered = bench.anybody(old).get("/api/v1/cases")
    assert (answered.status_code, answered.json["code"]) == (401, "token_expired")


def test_the_first_user_logs_in_with_the_password_of_the_data_dir(tmp_path: Path) -> None:
    made, _ = load_or_create(tmp_path / "data")
    bench = bench_of(settings_for(tmp_path / "data", jwt_secret=None))
    body = {"username": "admin", "password": made.admin_password}
    tokens = bench.anybody().post("/api/v1/auth/token", body).json
    claims = jwt.decode(tokens["access_token"], made.jwt_secret, algorithms=["HS256"])
    assert claims["access"] == ["admin"]
    [participant] = bench.parts.registry.participants()
    assert (participant.id, participant.roles) == ("admin", ("admin",))


def test_a_second_start_leaves_the_first_user_as_it_is(bench: Bench) -> None:
    changed = User("admin", hashed("chosen by hand"), ("admin",), "somebody")
    bench.parts.registry.put_user(changed)
    add_first_user(bench.parts.registry, "another password")
    assert bench.parts.registry.user("admin") == changed


def test_a_user_without_a_password_cannot_log_in_with_an_empty_one(bench: Bench) -> None:
    answered = bench.anybody().post("/api/v1/auth/token", {"username": "admin", "password": ""})
    assert answered.status_code == 401
    assert answered.json["code"] == "wrong_credentials"
