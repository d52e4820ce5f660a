"""Access tokens: fetched once, kept, renewed in time, and thrown away when refused."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

import pytest

from connectors.http import HttpConnector
from connectors.oauth import MAX_GRANTS, AccessToken, AccessTokens, Grant, TokenWaitTooLong
from connectors.port import Answer
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_server import LocalServer, reply, reply_json

GRANT = Grant("https://login.example/token", "client", "secret")


def numbered(lifetime_s: float) -> Callable[[], AccessToken]:
    count = iter(range(1, 1000))
    return lambda: AccessToken(f"token-{next(count)}", lifetime_s)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("lifetime_s", "early_s"), [(3600, 60), (20, 5)])
def test_a_token_is_renewed_shortly_before_it_ends(lifetime_s: float, early_s: float) -> None:
    clock, fetch = Clock(), numbered(lifetime_s)
    tokens = AccessTokens(clock)
    assert tokens.get(GRANT, fetch, 1) == "token-1"
    clock.now = lifetime_s - early_s - 0.1
    assert tokens.get(GRANT, fetch, 1) == "token-1"
    clock.now = lifetime_s - early_s
    assert tokens.get(GRANT, fetch, 1) == "token-2"


def test_each_grant_has_its_own_token() -> None:
    tokens, fetch = AccessTokens(), numbered(3600)
    others = [GRANT, Grant(GRANT.token_url, "client", "changed"), Grant(GRANT.token_url, "client", "secret", "read")]
    assert [tokens.get(each, fetch, 1) for each in others] == ["token-1", "token-2", "token-3"]


def test_a_refused_token_is_forgotten_once() -> None:
    tokens, fetch = AccessTokens(), numbered(3600)
    old = tokens.get(GRANT, fetch, 1)
    tokens.refused(GRANT, old)
    new = tokens.get(GRANT, fetch, 1)
    tokens.refused(GRANT, old)
    assert tokens.get(GRANT, fetch, 1) == new == "token-2"


def test_who_waits_too_long_for_another_fetch_says_so() -> None:
    tokens, fetching, go_on = AccessTokens(), threading.Event(), threading.Event()

    def slow() -> AccessToken:
        fetching.set()
        assert go_on.wait(5)
        return AccessToken("slow", 3600)

    thread = threading.Thread(target=tokens.get, args=(GRANT, slow, 5))
    thread.start()
    assert fetching.wait(5)
    with pytest.raises(TokenWaitTooLong):
        tokens.get(GRANT, slow, 0.01)
    go_on.set()
    thread.join()
    assert tokens.get(GRANT, slow, 0) == "slow"


def test_the_longest_unused_grant_is_forgotten_first() -> None:
    tokens, fetch = AccessTokens(), numbered(3600)
    for number in range(MAX_GRANTS + 1):
        tokens.get(Grant("u", str(number), "s"), fetch, 1)
    before = fetch().value
    tokens.get(Grant("u", str(MAX_GRANTS), "s"), fetch, 1)
    tokens.get(Grant("u", "0", "s"), fetch, 1)
    assert fetch().value == f"token-{int(before.removeprefix('token-')) + 2}"


class Bank:
    """A server that gives tokens at `/token`, and at any other path takes the one it gave last."""

    def __init__(self, local: LocalServer) -> None:
        self.local = local
        self.given = 0
        self.accepted = ""
        self.expires_in: Any = 3600
        self.pause_s = 0.0
        local.answer = self.answer

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/token":
            time.sleep(self.pause_s)
            self.given += 1
            self.accepted = f"secret-token-{self.given}"
            reply_json({"access_token": self.accepted, "token_type": "Bearer", "expires_in": self.expires_in})(handler)
        elif handler.headers["Authorization"] == f"Bearer {self.accepted}":
            reply_json({"ok": True})(handler)
        else:
            reply(401, f"not {handler.headers['Authorization']}".encode())(handler)

    def call(self, http: HttpConnector, **changed: Any) -> Answer:
        oauth2 = {"token_url": f"{self.local.url}/token", "client_id": "a:b", "client_secret": "p w"} | changed
        return http.call(call_request("http", {"url": f"{self.local.url}/data", "auth": {"oauth2": oauth2}}))


@pytest.fixture
def bank(server: LocalServer) -> Bank:
    return Bank(server)


def test_a_token_is_fetched_for_the_first_call_and_kept(http: HttpConnector, bank: Bank) -> None:
    for _ in range(3):
        assert output_of(bank.call(http, scope="read write", audience="stock"))["body"] == {"ok": True}
    assert bank.given == 1
    asked = bank.local.received[0]
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["read write"],
        "audience": ["stock"],
    }
    assert asked.headers["authorization"] == "Basic YSUzQWI6cCUyMHc="
    assert "idempotency-key" not in asked.headers


def test_the_client_may_be_named_in_the_body(http: HttpConnector, bank: Bank) -> None:
    output_of(bank.call(http, client_in="body"))
    asked = bank.local.received[0]
    assert parse_qs(asked.body.decode())["client_secret"] == ["p w"]
    assert "authorization" not in asked.headers


def test_a_token_that_is_refused_is_fetched_once_more(http: HttpConnector, bank: Bank) -> None:
    output_of(bank.call(http))
    bank.accepted = "revoked"
    assert output_of(bank.call(http))["status"] == 200
    assert bank.given == 2


def test_a_second_refusal_is_the_outcome_and_shows_no_token(http: HttpConnector, bank: Bank) -> None:
    def never(handler: BaseHTTPRequestHandler) -> None:
        bank.answer(handler)
        bank.accepted = "revoked"

    bank.local.answer = never
    failure = failure_of(bank.call(http))
    assert (failure.kind, failure.retryable, bank.given) == ("http_401", False, 2)
    assert failure.message.endswith("/data: not Bearer ***")


def test_many_calls_at_once_fetch_one_token(http: HttpConnector, bank: Bank) -> None:
    bank.pause_s = 0.05
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(bank.call(http))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [output_of(each)["status"] for each in answers] == [200] * 8
    assert bank.given == 1


@pytest.mark.parametrize(
    ("answer", "kind", "retryable"),
    [
        (reply_json({"error": "invalid_client"}, 401), "http_401", False),
        (reply(503), "http_503", True),
        (reply_json({"token": "x"}), "bad_response", False),
        (reply_json({"access_token": "a\nb"}), "bad_response", False),
        (reply_json({"access_token": "x", "token_type": "mac"}), "bad_response", False),
        (reply(body=b"token=x"), "bad_response", False),
        (reply(302, headers={"Location": "/elsewhere"}), "http_302", False),
        (lambda handler: time.sleep(1), "timeout", True),
    ],
)
def test_no_token_is_a_failure_of_the_call(
    http: HttpConnector, server: LocalServer, answer: Any, kind: str, retryable: bool
) -> None:
    server.answer = answer
    oauth2 = {"token_url": f"{server.url}/token", "client_id": "c", "client_secret": "s"}
    config = {"url": f"{server.url}/data", "auth": {"oauth2": oauth2}, "timeout_s": 0.4}
    failure = failure_of(http.call(call_request("http", config)))
    assert (failure.kind, failure.retryable) == (kind, retryable)
    assert "POST" in failure.message
    assert "/token" in failure.message
    assert [each.path for each in server.received] == ["/token"]


@pytest.mark.parametrize("expires_in", [0, -5, "soon", None, True, 1e9])
def test_an_odd_lifetime_does_no_harm(http: HttpConnector, bank: Bank, expires_in: Any) -> None:
    bank.expires_in = expires_in
    assert output_of(bank.call(http))["status"] == 200
