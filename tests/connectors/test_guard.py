"""Where calls may go, and that nothing leads them elsewhere."""

import socket
from typing import Any

import pytest

from connectors.guard import AddressRefused, Guard, check_entry
from connectors.http import HttpConnector
from connectors.port import Answer
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_server import LocalServer, reply

FORBIDDEN = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
]


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let `name.test` resolve to each of these in turn, the last one for ever. The result fills with the looks-up."""
    real, turns, asked = socket.getaddrinfo, list(answers), []

    def found(host: str, port: int, *rest: Any, **named: Any) -> list[Any]:
        if host != "name.test":
            return real(host, port, *rest, **named)
        asked.append(host)
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [entry for address in addresses for entry in real(address, port, *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return asked


def called(guard: Guard, url: str, **config: Any) -> Answer:
    connector = HttpConnector(guard=guard)
    try:
        return connector.call(call_request("http", {"url": url, **config}))
    finally:
        connector.close()


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_global_is_refused(address: str) -> None:
    assert not Guard().allows("name.test", address, 443)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_a_global_address_is_allowed(address: str) -> None:
    assert Guard().allows("name.test", address, 443)


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "allowed"),
    [
        ("127.0.0.0/8", "x", "127.0.0.1", 80, True),
        ("127.0.0.1", "x", "127.0.0.1", 80, True),
        ("127.0.0.1", "x", "127.0.0.2", 80, False),
        ("127.0.0.1", "x", "::ffff:127.0.0.1", 80, True),
        ("127.0.0.1:8090", "x", "127.0.0.1", 8090, True),
        ("127.0.0.1:8090", "x", "127.0.0.1", 6379, False),
        ("[::1]:8090", "x", "::1", 8090, True),
        ("::1", "x", "::1", 1, True),
        ("fd00::/8", "x", "fd12::1", 1, True),
        ("stock.internal", "stock.internal", "10.0.0.1", 1, True),
        ("Stock.Internal", "STOCK.internal.", "10.0.0.1", 1, True),
        ("stock.internal", "other.internal", "10.0.0.1", 1, False),
        ("stock.internal", "stock.internal.evil.example", "10.0.0.1", 1, False),
        ("stock.internal:8443", "stock.internal", "10.0.0.1", 443, False),
        ("*.internal", "a.b.internal", "10.0.0.1", 1, True),
        ("*.internal", "internal", "10.0.0.1", 1, False),
        ("*.internal", "evilinternal", "10.0.0.1", 1, False),
    ],
)
def test_an_entry_allows_what_it_says(entry: str, host: str, address: str, port: int, allowed: bool) -> None:
    assert Guard([entry]).allows(host, address, port) is allowed


@pytest.mark.parametrize("entry", ["", "10.0.0.1/8", "a b", "http://a", "1.2.3.4:99999", "256.1.1.1", "*", 5, "a:0"])
def test_an_entry_that_is_none_is_a_problem(entry: Any) -> None:
    assert check_entry(entry, ("allow", 0))[0].path == ("allow", 0)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]"]
)
def test_no_spelling_of_this_machine_is_called(host: str) -> None:
    failure = failure_of(called(Guard(), f"http://{host}:1/"))
    assert (failure.kind, failure.retryable) in {("refused", False), ("bad_config", False)}


def test_nothing_is_sent_to_a_refused_address(server: LocalServer) -> None:
    failure = failure_of(called(Guard(), f"{server.url}/a?key=k"))
    assert failure.kind == "refused"
    assert failure.message == (
        f"127.0.0.1 has no address that calls may be made to (127.0.0.1): GET http://127.0.0.1:{server.port}/a"
    )
    assert server.connections == 0


def test_an_allowed_address_is_called(server: LocalServer) -> None:
    assert output_of(called(Guard([f"127.0.0.1:{server.port}"]), server.url))["status"] == 200


def test_a_name_is_judged_by_its_address(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["127.0.0.1"])
    assert failure_of(called(Guard(), f"http://name.test:{server.port}/")).kind == "refused"
    assert server.connections == 0


def test_a_name_is_looked_up_once_and_cannot_change_its_mind(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolving(monkeypatch, ["127.0.0.1"], ["10.255.255.1"])
    guard = Guard(["127.0.0.1"])
    assert output_of(called(guard, f"http://name.test:{server.port}/"))["status"] == 200
    assert len(asked) == 1


def test_of_several_addresses_only_the_allowed_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["10.0.0.1", "1.1.1.1", "127.0.0.1"])
    assert Guard().addresses("name.test", 80) == ["1.1.1.1"]
    with pytest.raises(AddressRefused):
        resolving(monkeypatch, ["10.0.0.1", "127.0.0.1"])
        Guard().addresses("name.test", 80)


def test_a_redirect_to_a_forbidden_address_is_refused(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["127.0.0.1"])
    server.answer = reply(302, headers={"Location": f"http://127.0.0.1:{server.port}/inside"})
    failure = failure_of(called(Guard(["name.test"]), f"http://name.test:{server.port}/", redirects=3))
    assert failure.kind == "refused"
    assert [each.path for each in server.received] == ["/"]


def test_a_token_is_not_fetched_from_a_forbidden_address(server: LocalServer) -> None:
    oauth2 = {"token_url": server.url, "client_id": "c", "client_secret": "s"}
    failure = failure_of(called(Guard(), "https://1.1.1.1/", auth={"oauth2": oauth2}))
    assert (failure.kind, server.connections) == ("refused", 0)
