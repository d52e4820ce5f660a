"""What the http connector makes of servers that fail, lie, dawdle and break off."""

import gzip
import itertools
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from connectors.headers import MAX_RETRY_AFTER_S, retry_after_s
from connectors.http import HttpConnector
from connectors.port import MAX_MESSAGE_CHARS, Failed
from connectors.registry import Registry
from connectors.secrets import Secrets
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_server import Answer, LocalServer, drip, raw, reply, reply_json, reset

TIMEOUT_S = 0.15
SLACK_S = 0.5
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def failed(http: HttpConnector, url: str, **config: Any) -> Failed:
    return failure_of(http.call(call_request("http", {"url": url, **config})))


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(500, True), (503, True), (429, True), (408, True), (400, False), (404, False), (301, False)],
)
def test_an_unexpected_status_is_a_failure(
    http: HttpConnector, server: LocalServer, status: int, retryable: bool
) -> None:
    server.answer = reply(status, b"out of paper", {"Content-Type": "text/plain"})
    failure = failed(http, f"{server.url}/print?key=k")
    assert (failure.kind, failure.retryable, failure.retry_after_s) == (f"http_{status}", retryable, None)
    assert failure.message == f"status {status} from GET {server.url}/print: out of paper"


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_may_ask_to_be_left_alone(http: HttpConnector, server: LocalServer, status: int) -> None:
    server.answer = reply(status, headers={"Retry-After": "7"})
    assert failed(http, server.url).retry_after_s == 7.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("999999999", MAX_RETRY_AFTER_S),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("nan", None),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


def test_a_status_counts_even_if_its_body_breaks_off(http: HttpConnector, server: LocalServer) -> None:
    server.answer = raw(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nhalf")
    assert failed(http, server.url).kind == "http_503"


def test_a_long_error_page_makes_no_long_message(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply(500, b"<p>sorry</p>\n" * 100_000)
    outcome = Registry([http]).call(call_request("http", {"url": server.url}))
    assert len(failure_of(outcome).message) == MAX_MESSAGE_CHARS


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(drip([b""], pause_s=0.3), id="nothing at all"),
        pytest.param(drip(itertools.repeat(b"H")), id="a dripping status line"),
        pytest.param(
            drip(itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"X: y\r\n"))), id="dripping headers"
        ),
        pytest.param(drip(itertools.chain([HEAD], itertools.repeat(b"x"))), id="a dripping body"),
        pytest.param(drip(itertools.chain([CHUNKED], itertools.repeat(b"1\r\nx\r\n"))), id="dripping chunks"),
        pytest.param(
            drip(itertools.chain([HEAD], itertools.repeat(b"x")), pause_s=0.0005), id="a trickle without a pause"
        ),
    ],
)
@pytest.mark.alone
def test_a_slow_answer_ends_with_the_total_timeout(http: HttpConnector, server: LocalServer, answer: Answer) -> None:
    server.answer = answer
    started = time.monotonic()
    failure = failed(http, server.url, timeout_s=TIMEOUT_S)
    assert (failure.kind, failure.retryable) == ("timeout", True)
    assert TIMEOUT_S <= time.monotonic() - started < TIMEOUT_S + SLACK_S


def test_the_smaller_timeout_counts(http: HttpConnector, server: LocalServer) -> None:
    server.answer = drip([b""], pause_s=0.3)
    request = call_request("http", {"url": server.url, "timeout_s": 60}, timeout_s=TIMEOUT_S)
    assert failure_of(http.call(request)).kind == "timeout"


def test_nothing_is_sent_when_no_time_is_left(http: HttpConnector, server: LocalServer) -> None:
    assert failure_of(http.call(call_request("http", {"url": server.url}, timeout_s=0))).kind == "timeout"
    assert server.received == []


def test_a_call_after_a_timeout_has_its_own_time(http: HttpConnector, server: LocalServer) -> None:
    output_of(http.call(call_request("http", {"url": server.url, "timeout_s": TIMEOUT_S})))
    time.sleep(TIMEOUT_S)
    output_of(http.call(call_request("http", {"url": server.url, "timeout_s": TIMEOUT_S})))
    assert server.connections == 1


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def full_queue(address: str, port: int = 0) -> Iterator[int]:
    """A port whose queue is full, so that nobody else gets connected."""
    with socket.create_server((address, port), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for client in waiting:
            client.close()


def resolve(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    """Let `many.test` have these addresses."""
    real = socket.getaddrinfo

    def found(host: str, port: int, *rest: Any, **named: Any) -> list[Any]:
        hosts = addresses if host == "many.test" else [host]
        return [entry for address in hosts for entry in real(address, port, *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_a_handshake_that_never_comes_is_a_timeout(http: HttpConnector, silent_port: int) -> None:
    assert failed(http, f"https://127.0.0.1:{silent_port}", timeout_s=TIMEOUT_S).kind == "timeout"


@pytest.mark.alone
@pytest.mark.parametrize("addresses", [1, 4])
def test_a_connection_that_never_comes_is_a_timeout_of_all_addresses_together(
    http: HttpConnector, monkeypatch: pytest.MonkeyPatch, addresses: int
) -> None:
    resolve(monkeypatch, ["127.0.0.1"] * addresses)
    with full_queue("127.0.0.1") as port:
        started = time.monotonic()
        assert failed(http, f"http://many.test:{port}", timeout_s=TIMEOUT_S).kind == "timeout"
    assert time.monotonic() - started < TIMEOUT_S + SLACK_S


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has 127.0.0.2 without being told")
def test_a_dead_address_leaves_time_for_the_next(
    http: HttpConnector, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    with full_queue("127.0.0.2", server.port):
        config = {"url": f"http://many.test:{server.port}", "timeout_s": 2 * TIMEOUT_S}
        assert output_of(http.call(call_request("http", config)))["status"] == 200


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reset, id="a reset"),
        pytest.param(raw(b""), id="no answer"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Le"), id="half a header"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nX: y\r\n"), id="no end of the headers"),
        pytest.param(raw(b"this is no HTTP\r\n\r\n"), id="another protocol"),
        pytest.param(raw(HEAD + b"half"), id="a short body"),
        pytest.param(raw(CHUNKED + b"5\r\nhel"), id="half a chunk"),
        pytest.param(raw(CHUNKED + b"zz\r\n"), id="a chunk of no size"),
    ],
)
def test_an_answer_that_breaks_off_is_a_broken_connection(
    http: HttpConnector, server: LocalServer, answer: Answer
) -> None:
    server.answer = answer
    failure = failed(http, f"{server.url}/a?key=k")
    assert (failure.kind, failure.retryable) == ("connection", True)
    assert failure.message.endswith(f": GET {server.url}/a")


def test_a_refused_connection_says_so(http: HttpConnector) -> None:
    failure = failed(http, "http://127.0.0.1:1/a?key=k")
    assert failure == Failed("connection", "Connection refused: GET http://127.0.0.1:1/a", retryable=True)


def test_a_host_without_an_address_is_a_broken_connection(http: HttpConnector, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failure = failed(http, "http://nowhere.test/")
    assert (failure.kind, failure.retryable) == ("connection", True)
    assert failure.message == "Name or service not known: GET http://nowhere.test/"


def test_a_server_without_tls_is_a_broken_connection(http: HttpConnector, server: LocalServer) -> None:
    assert failed(http, server.url.replace("http:", "https:")).kind == "connection"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(body=b"x" * 1001), id="announced"),
        pytest.param(raw(CHUNKED + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"), id="in a chunk"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001), id="until the end"),
    ],
)
def test_a_body_over_the_limit_is_cut_off(http: HttpConnector, server: LocalServer, answer: Answer) -> None:
    server.answer = answer
    failure = failed(http, server.url, max_response_bytes=1000)
    assert (failure.kind, failure.retryable) == ("too_large", False)
    assert (
        output_of(http.call(call_request("http", {"url": server.url, "max_response_bytes": 1001})))["body"]
        == "x" * 1001
    )


def test_a_body_is_measured_after_unpacking(http: HttpConnector, server: LocalServer) -> None:
    server.answer = reply(body=gzip.compress(b"x" * 1_000_000), headers={"Content-Encoding": "gzip"})
    assert failed(http, server.url, max_response_bytes=100_000).kind == "too_large"


def test_an_endless_body_ends_at_the_limit(http: HttpConnector, server: LocalServer) -> None:
    server.answer = drip(itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x" * 65536)), pause_s=0)
    assert failed(http, server.url).kind == "too_large"


@pytest.mark.parametrize(
    "config",
    [
        {"auth": {"bearer": {"secret": "TOKEN"}}},
        {"auth": {"basic": {"username": "me", "password": {"secret": "TOKEN"}}}},
        {"auth": {"api_key": {"header": "X-Key", "value": {"secret": "TOKEN"}}}},
        {"auth": {"api_key": {"query": "key", "value": {"secret": "TOKEN"}}}},
        {"method": "POST", "body": {"token": {"secret": "TOKEN"}}},
        {"headers": {"X-Key": {"secret": "TOKEN"}}},
    ],
)
def test_a_server_that_repeats_a_secret_does_not_bring_it_into_the_message(
    http: HttpConnector, server: LocalServer, config: dict[str, Any]
) -> None:
    def repeat(handler: Any) -> None:
        shown = {name: server.last.headers.get(name) for name in ("authorization", "x-key")}
        reply_json([server.last.body.decode(), handler.path, shown], status=500)(handler)

    server.answer = repeat
    registry = Registry([http], Secrets({"CASEWRIGHT_SECRET_TOKEN": 'op"en/se+same'}))
    message = failure_of(registry.call(call_request("http", {"url": server.url, **config}))).message
    assert "***" in message
    assert not any(part in message for part in ("same", "se%2Bsame", "b3Ai", "VuL3", "c2Ft"))
