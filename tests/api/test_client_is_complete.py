"""Every operation of the API has a method of the client: all methods are called, and what they ask for is compared."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from api.client import Client, OrgUnits
from tests.api.bench import Bench

OF_A_BROWSER = {("GET", "/api/docs"), ("GET", "/api/docs/{name}")}
"""The page of docs, which is no part of the API."""

NOT_CALLS = {"close"}
OF_OTHERS = {"all_connectors", "whole_journal", "wait_for_case", "wait_for_item", "item_events"}
"""Methods that do what others do, again and again; `item_events` is called by hand, since it reads a stream."""

VALUES: tuple[tuple[str, Any], ...] = (
    ("Sequence[Mapping", [{}]),
    ("Sequence[str]", ["x"]),
    ("Mapping", {}),
    ("Dict[str, Any]", {}),
    ("dict[str, Any]", {}),
    ("Any", None),
    ("bool", True),
    ("float", 1.0),
    ("int", 1),
    ("str", "x"),
)
"""A value for each annotation, by what is found in it first."""

UNITS = ("roles", "positions", "groups", "capabilities")


class Recorder:
    """Stands in for the network: notes what is asked, and answers with nothing much."""

    def __init__(self) -> None:
        self.asked: set[tuple[str, str]] = set()

    def request(self, _: requests.Session, method: str, url: str, **__: Any) -> requests.Response:
        self.asked.add((method, url.removeprefix("http://api")))
        answered = requests.Response()
        answered.status_code = 200
        answered._content = b'{"access_token": "x", "items": [], "next": null, "version": 1, "data": {}}'
        return answered


def arguments_of(method: Any) -> Iterator[dict[str, Any]]:
    """Arguments to call a method with: for each of its forms those it must have, and those it may have."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    needed = [each for each in parameters if each.default is inspect.Parameter.empty]
    for chosen in (needed, parameters):
        for noun in UNITS if any(map(_takes_a_noun, chosen)) else ("",):
            yield {each.name: noun if _takes_a_noun(each) else _value(each) for each in chosen}


def _value(parameter: inspect.Parameter) -> Any:
    written = str(parameter.annotation)
    return next(value for part, value in VALUES if part in written)


def _takes_a_noun(parameter: inspect.Parameter) -> bool:
    return bool(parameter.annotation == OrgUnits)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """What all methods of the client ask for."""
    recorder = Recorder()
    monkeypatch.setattr(
        requests.Session, "request", lambda session, *args, **named: recorder.request(session, *args, **named)
    )
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if name.startswith("_") or name in NOT_CALLS | OF_OTHERS:
            continue
        for arguments in arguments_of(method):
            getattr(Client("http://api", "token"), name)(**arguments)
    recorder.asked.add(("GET", "/api/v1/work-items/stream"))
    return recorder.asked


def test_every_operation_has_a_method_and_every_method_an_operation(bench: Bench, asked: set[tuple[str, str]]) -> None:
    document = bench.anybody().get("/api/v1/openapi.json").json
    operations = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    exact = {operation for operation in operations if "{" not in operation[1]}
    patterns = {operation: re.compile(re.sub(r"\{\w+\}", "[^/]+", operation[1])) for operation in operations - exact}
    found, unknown = set(), set()
    for method, path in asked:
        if (method, path) in exact:
            found.add((method, path))
            continue
        matching = {each for each, pattern in patterns.items() if each[0] == method and pattern.fullmatch(path)}
        found |= matching
        if not matching:
            unknown.add((method, path))
    assert unknown == set()
    assert operations - found == OF_A_BROWSER
