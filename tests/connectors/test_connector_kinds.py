"""Kinds of connector: the built-in ones, and those that other packages add by entry point."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from connectors.http import HttpConnector
from connectors.kinds import BUILT_IN, GROUP, KindUnusable, kinds
from connectors.port import Connector
from connectors.registry import Registry
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_server import LocalServer, reply

FAX = """
from connectors.config import check_deployed, table, text
from connectors.kinds import Kind
from connectors.port import Done

SETTINGS = table({"number": text}, required=("number",))

class Fax:
    def __init__(self, name, settings, resolve):
        self.name, self._settings, self._resolve = name, settings, resolve
    def check_config(self, config):
        return check_deployed(table({}), config)
    def call(self, request):
        return Done({"sent_to": self._resolve(self._settings)["number"]})
    def close(self):
        pass

KIND = Kind(SETTINGS, Fax)
NOT_A_KIND = 5
"""


def added(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def http(settings: dict[str, Any]) -> HttpConnector:
    built = BUILT_IN["http"].build("stock", settings, lambda value: value)
    assert isinstance(built, HttpConnector)
    return built


@pytest.fixture
def fax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "fax_of_a_shop.py").write_text(FAX)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "fax_of_a_shop", raising=False)
    return "fax_of_a_shop"


def test_a_package_that_is_installed_adds_its_kind(fax: str, tmp_path: Path) -> None:
    installed = tmp_path / "fax_of_a_shop-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: fax-of-a-shop\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[{GROUP}]\nfax = {fax}:KIND\n")
    found = kinds()
    assert set(found) == {*BUILT_IN, "fax"}
    connector = found["fax"].build("office", {"number": "5"}, lambda value: value)
    assert output_of(Registry([connector]).call(call_request("office", {}))) == {"sent_to": "5"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("http", "fax_of_a_shop:KIND", "there is one already"),
        ("fax", "fax_of_a_shop:NOT_A_KIND", "is no Kind"),
        ("fax", "fax_of_a_shop:ABSENT", "cannot be loaded"),
        ("fax", "no_such_package:KIND", "cannot be loaded"),
    ],
)
def test_what_is_no_kind_is_refused(fax: str, name: str, value: str, message: str) -> None:
    with pytest.raises(KindUnusable, match=message):
        kinds([added(name, value)])


def test_an_installation_guards_its_http_connector(server: LocalServer) -> None:
    failure = failure_of(http({}).call(call_request("stock", {"url": server.url})))
    assert (failure.kind, server.connections) == ("refused", 0)


def test_what_the_installation_names_it_allows(server: LocalServer) -> None:
    for settings in ({"allow": ["127.0.0.0/8"]}, {"base_url": server.url}):
        connector = http(settings)
        assert output_of(connector.call(call_request("stock", {"url": server.url})))["status"] == 200
        connector.close()


def test_the_base_url_allows_nothing_beside_it(server: LocalServer) -> None:
    server.answer = reply(302, headers={"Location": "http://127.0.0.1:1/"})
    connector = http({"base_url": server.url})
    assert failure_of(connector.call(call_request("stock", {"redirects": 1}))).kind == "refused"
    connector.close()


@pytest.mark.parametrize("name", ["echo", "http", "webhook"])
def test_what_needs_no_settings_is_there_as_it_is(name: str) -> None:
    connector: Connector = BUILT_IN[name].build(name, {}, lambda value: value)
    assert (connector.name, BUILT_IN[name].as_is) == (name, True)


def test_functions_may_be_allowed_by_settings() -> None:
    settings = {"allowed": ["tests.connectors.sample_functions:add"]}
    connector = BUILT_IN["function"].build("sums", settings, lambda value: value)
    config = {"function": "tests.connectors.sample_functions:add"}
    assert output_of(connector.call(call_request("sums", config, {"a": 1, "b": 2}))) == 3
