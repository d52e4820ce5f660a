"""Pictures over HTTP, and what is said of nets that are not sound."""

from xml.etree import ElementTree

import pytest

from tests.api.bench import ORDER, ORDERS, Bench, Caller

STUCK = """
specification: stuck
version: "1"
title: Stuck <&">
nets:
  main:
    variables: {go: {default: false}}
    start: ask
    tasks:
      ask: {kind: human, split: xor, next: [{to: pack, when: go}, {to: refuse}]}
      pack: {kind: human, next: close}
      refuse: {kind: routing, next: close}
      close: {kind: routing, join: and, next: end}
"""
YAML = "application/yaml"
DEADLOCK = "a case can deadlock: after ask, refuse: nothing can happen any more: a token between refuse and close"


def titles(svg: str) -> list[str]:
    return [title.text or "" for title in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]


def test_a_version_has_a_picture(bench: Bench) -> None:
    bench.admin.deploy(STUCK)
    answered = bench.admin.get("/api/v1/specifications/stuck/1/picture.svg")
    assert (answered.status_code, answered.content_type) == (200, "image/svg+xml")
    assert answered.headers["Content-Security-Policy"] == "default-src 'none'"
    assert answered.headers["X-Content-Type-Options"] == "nosniff"
    assert titles(answered.text)[0] == 'Stuck <&">, version 1'
    assert "ask: done by a person; takes one way" in titles(answered.text)


def test_a_case_is_drawn_as_it_stands(admin: Caller, bench: Bench) -> None:
    case = admin.start("orders", ORDER)
    bench.drain()
    svg = admin.get(f"/api/v1/cases/{case}/picture.svg").text
    assert titles(svg)[0] == f"Case {case} of Orders: running"
    assert "start: 1 token" in titles(svg) and "waiting: 1" in svg


def test_pictures_are_for_those_who_may_look(bench: Bench) -> None:
    bench.admin.deploy(STUCK)
    for path in ("/api/v1/specifications/stuck/1/picture.svg", "/api/v1/cases/c/picture.svg"):
        assert bench.anybody().get(path).status_code == 401
        assert bench.user("eve", "participant").get(path).status_code == 403


@pytest.mark.parametrize("path", ["specifications/stuck/2", "specifications/a:b/1", "cases/none", "cases/a%20b"])
def test_there_is_no_picture_of_nothing(bench: Bench, path: str) -> None:
    assert bench.admin.get(f"/api/v1/{path}/picture.svg").status_code == 404


def test_a_net_that_is_not_sound_is_deployed_with_a_warning(bench: Bench) -> None:
    for path in ("/api/v1/specifications", "/api/v1/specifications/validate"):
        answered = bench.admin.send("POST", path, STUCK, YAML)
        assert answered.json["warnings"] == [
            f"nets.main: {DEADLOCK}",
            "nets.main: a task is dead: close can never start",
        ]


def test_a_strict_check_refuses_a_net_that_is_not_sound(bench: Bench) -> None:
    for path in ("/api/v1/specifications", "/api/v1/specifications/validate"):
        answered = bench.admin.send("POST", f"{path}?strict=true", STUCK, YAML)
        assert (answered.status_code, answered.json["code"]) == (422, "specification_unsound")
        assert answered.json["errors"][0] == {"path": "nets.main", "message": DEADLOCK}
        assert bench.admin.send("POST", f"{path}?strict=maybe", STUCK, YAML).status_code == 422
    assert bench.admin.get("/api/v1/specifications").json["items"] == []
    assert bench.admin.send("POST", "/api/v1/specifications?strict=true", ORDERS, YAML).status_code == 201
