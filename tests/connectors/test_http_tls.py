"""TLS: whom a connector believes, and how it shows itself."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from connectors.http import HttpConnector
from connectors.port import Answer
from connectors.secrets import Secrets
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_proxy import LocalProxy
from tests.connectors.local_server import LocalServer, reply


@dataclass(frozen=True)
class Authority:
    """A certificate authority, and files of a client's certificate with a key that has a password."""

    ca: trustme.CA
    folder: Path

    def file(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca, folder = trustme.CA(), tmp_path_factory.mktemp("tls")
    client = ca.issue_cert("client@casewright.example")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    client.cert_chain_pems[0].write_to_path(str(folder / "client.pem"))
    client.private_key_pem.write_to_path(str(folder / "client.key"))
    key = load_pem_private_key(client.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open-sesame"))
    (folder / "locked.key").write_bytes(locked)
    return Authority(ca, folder)


ASKS_FOR_A_CERTIFICATE = pytest.mark.parametrize("server", [True], indirect=True, ids=["asks for a certificate"])


@pytest.fixture(params=[False], ids=["asks nothing"])
def server(authority: Authority, request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.ca.issue_cert("127.0.0.1").configure_cert(context)
    if request.param:
        authority.ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    local = LocalServer(tls=context)
    stop = local.start()
    yield local
    stop()


def called(server: LocalServer, tls: dict[str, Any] | None, **secrets: str) -> Answer:
    settings = {} if tls is None else {"tls": tls}
    resolve = Secrets({f"CASEWRIGHT_SECRET_{name}": value for name, value in secrets.items()}).resolve
    connector = HttpConnector("http", settings, resolve)
    try:
        return connector.call(call_request("http", {"url": server.url}))
    finally:
        connector.close()


def test_a_stranger_is_not_believed(server: LocalServer) -> None:
    failure = failure_of(called(server, None))
    assert (failure.kind, failure.retryable) == ("connection", True)
    assert "certificate verify failed" in failure.message.lower()
    assert server.received == []


def test_an_authority_of_ones_own_is_believed(server: LocalServer, authority: Authority) -> None:
    assert output_of(called(server, {"ca": authority.file("ca.pem")}))["status"] == 200


def test_a_name_that_is_not_in_the_certificate_is_not_believed(server: LocalServer, authority: Authority) -> None:
    connector = HttpConnector("http", {"tls": {"ca": authority.file("ca.pem")}})
    url = server.url.replace("127.0.0.1", "localhost")
    assert failure_of(connector.call(call_request("http", {"url": url}))).kind == "connection"
    connector.close()


def test_an_installation_may_believe_everybody(server: LocalServer) -> None:
    with pytest.warns(Warning, match="Unverified"):
        assert output_of(called(server, {"verify": False}))["status"] == 200


@ASKS_FOR_A_CERTIFICATE
def test_who_asks_for_a_certificate_gets_none_by_default(server: LocalServer, authority: Authority) -> None:
    assert failure_of(called(server, {"ca": authority.file("ca.pem")})).kind == "connection"


@ASKS_FOR_A_CERTIFICATE
def test_who_asks_for_a_certificate_is_shown_one(server: LocalServer, authority: Authority) -> None:
    shown = {"certificate": authority.file("client.pem"), "key": authority.file("client.key")}
    assert output_of(called(server, {"ca": authority.file("ca.pem"), **shown}))["status"] == 200


@ASKS_FOR_A_CERTIFICATE
def test_the_key_of_a_certificate_may_have_a_password(server: LocalServer, authority: Authority) -> None:
    tls = {
        "ca": authority.file("ca.pem"),
        "certificate": authority.file("client.pem"),
        "key": authority.file("locked.key"),
        "key_password": {"secret": "KEY"},
    }
    assert output_of(called(server, tls, KEY="open-sesame"))["status"] == 200
    failure = failure_of(called(server, tls, KEY="wrong"))
    assert (failure.kind, failure.retryable) == ("bad_config", False)
    assert "client.pem" in failure.message


def test_a_certificate_that_is_not_there_is_a_bad_config(server: LocalServer, authority: Authority) -> None:
    for tls in ({"ca": "/nowhere.pem"}, {"certificate": "/nowhere.pem"}, {"ca": authority.file("client.key")}):
        failure = failure_of(called(server, tls))
        assert (failure.kind, failure.retryable) == ("bad_config", False)


def test_a_key_without_its_certificate_is_a_problem() -> None:
    with pytest.raises(ValueError, match="a key belongs to a certificate"):
        HttpConnector("http", {"tls": {"key": "/a"}})


def test_tls_goes_through_a_proxy_as_a_tunnel(server: LocalServer, authority: Authority) -> None:
    proxy = LocalProxy()
    stop = proxy.start()
    connector = HttpConnector("http", {"tls": {"ca": authority.file("ca.pem")}, "proxy": {"url": proxy.url}})
    assert output_of(connector.call(call_request("http", {"url": f"{server.url}/a"})))["status"] == 200
    assert [each.rpartition(" ")[0] for each in proxy.asked] == [f"CONNECT 127.0.0.1:{server.port}"]
    connector.close()
    stop()


def test_no_redirect_leads_out_of_tls(server: LocalServer, authority: Authority) -> None:
    plain = LocalServer()
    stop = plain.start()
    server.answer = reply(302, headers={"Location": plain.url})
    connector = HttpConnector("http", {"tls": {"ca": authority.file("ca.pem")}, "redirects": 3})
    assert failure_of(connector.call(call_request("http", {"url": server.url}))).kind == "http_302"
    assert plain.received == []
    connector.close()
    stop()
