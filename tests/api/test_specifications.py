"""Specifications over HTTP."""

import json

import pytest
from ruamel.yaml import YAML

from tests.api.bench import CALL, ORDER, ORDERS, Bench, Caller


def test_a_specification_is_deployed_once_and_the_same_again_is_no_conflict(bench: Bench) -> None:
    first, second = bench.admin.deploy(ORDERS), bench.admin.deploy("# the same\n" + ORDERS)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["Location"] == "/api/v1/specifications/orders/1"
    assert first.json["deployed_by"] == "admin"
    assert {**second.json, "warnings": []} == {**first.json, "warnings": []}


def test_other_content_under_a_deployed_version_is_refused(bench: Bench) -> None:
    bench.admin.deploy(ORDERS)
    answered = bench.admin.deploy(ORDERS.replace("Orders", "Other orders"))
    assert (answered.status_code, answered.json["code"]) == (409, "version_exists")


def test_json_is_deployed_as_well_as_yaml(bench: Bench) -> None:
    text = json.dumps(YAML(typ="safe").load(ORDERS))
    assert bench.admin.send("POST", "/api/v1/specifications", text, "application/json").status_code == 201
    assert bench.admin.deploy(ORDERS).status_code == 200


def test_everything_that_is_wrong_is_said_with_its_place(bench: Bench) -> None:
    wrong = ORDERS.replace("kind: human", "kind: humane").replace("next: end", "next: [finish, {to: nowhere}]")
    for path in ("/api/v1/specifications", "/api/v1/specifications/validate"):
        answered = bench.admin.send("POST", path, wrong, "application/yaml")
        assert (answered.status_code, answered.json["code"]) == (422, "specification_invalid")
        [error, *_] = answered.json["errors"]
        assert error["path"] == "nets.main.tasks.approve.kind"
        assert error["message"].startswith("specification.yaml:16:")
    assert bench.admin.get("/api/v1/specifications").json["items"] == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (("connector: echo", "connector: ecko"), "nets.main.tasks.say.connector"),
        (("connector: echo", "connector: echo, config: {delays_s: 1}"), "nets.main.tasks.say.config.delays_s"),
    ],
)
def test_a_connector_is_checked_with_its_configuration(bench: Bench, change: tuple[str, str], path: str) -> None:
    answered = bench.admin.deploy(CALL.replace(*change))
    assert answered.status_code == 422
    assert [error["path"] for error in answered.json["errors"]] == [path]


BROKEN = {
    "empty": "",
    "blank": " \n",
    "no YAML": "a: [",
    "two documents": "a: 1\n---\nb: 2",
    "a list": "[]",
    "a scalar": "5",
    "a tag": "!!python/object:os.system {}",
    "an alias of nothing": "a: *b",
    "a bomb of aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "\n".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join('*' + chr(97 + n) for _ in range(9))}]" for n in range(9)),
    "a bomb of brackets": "a: " + "[" * 200,
    "an anchor in itself": "a: &a [*a]",
    "half a surrogate pair": ORDERS.replace("Orders", '"\\ud800"'),
    "half a surrogate pair as a key": ORDERS.replace("title", '"\\ud800"'),
    "a control character": "a: \x01",
    "a key that is a list": "? [a, b]\n: 1",
    "null keys": "? \n: 1",
    "an integer that is too long": ORDERS.replace("title: Orders", "title: 99999999999999999999999999"),
    "a version with a slash": ORDERS.replace('version: "1"', 'version: "1/2"'),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_document_is_refused(bench: Bench, text: str) -> None:
    for path in ("/api/v1/specifications", "/api/v1/specifications/validate"):
        answered = bench.admin.send("POST", path, text.encode(), "application/yaml")
        assert answered.status_code == 422, answered.text
        assert answered.json["errors"]


def test_a_valid_specification_is_not_deployed_by_being_checked(bench: Bench) -> None:
    answered = bench.admin.send("POST", "/api/v1/specifications/validate", ORDERS, "application/yaml")
    assert answered.status_code == 200
    assert (answered.json["id"], answered.json["version"]) == ("orders", "1")
    assert bench.admin.get("/api/v1/specifications").json["items"] == []


def test_a_role_that_nobody_has_is_a_warning(bench: Bench) -> None:
    answered = bench.admin.deploy(ORDERS)
    assert answered.json["warnings"] == ["nets.main.tasks.approve.offer: nobody has the role clerk"]
    bench.user("ann", "participant", roles=("clerk",))
    assert bench.admin.deploy(ORDERS).json["warnings"] == []


def test_a_version_is_shown_with_its_document_and_its_text(bench: Bench) -> None:
    bench.admin.deploy(ORDERS)
    shown = bench.admin.get("/api/v1/specifications/orders/1").json
    assert (shown["text"], shown["media_type"], shown["title"]) == (ORDERS, "application/yaml", "Orders")
    assert shown["document"]["nets"]["main"]["start"] == "approve"


@pytest.mark.parametrize("path", ["orders/2", "nothing/1", "a:b/1", "Orders/1", "orders/1:2"])
def test_there_is_no_such_version(admin: Caller, path: str) -> None:
    for answered in (admin.get(f"/api/v1/specifications/{path}"), admin.delete(f"/api/v1/specifications/{path}")):
        assert (answered.status_code, answered.json["code"]) == (404, "specification_not_found")


def test_versions_are_listed_in_order_page_by_page(admin: Caller) -> None:
    admin.deploy(ORDERS.replace('version: "1"', 'version: "0.9"'))
    first = admin.get("/api/v1/specifications", limit=3).json
    second = admin.get("/api/v1/specifications", limit=3, cursor=first["next"]).json
    shown = [(each["id"], each["version"]) for each in first["items"] + second["items"]]
    assert shown == [("call", "1"), ("choice", "1"), ("orders", "1"), ("orders", "0.9")]


def test_a_retired_version_takes_no_new_cases_and_the_latest_other_one_does(bench: Bench, admin: Caller) -> None:
    admin.start(case_id="c1")
    admin.deploy(ORDERS.replace('version: "1"', 'version: "2"'))
    assert admin.get(f"/api/v1/cases/{admin.start()}").json["version"] == "2"
    assert admin.delete("/api/v1/specifications/orders/2").status_code == 204
    assert admin.get(f"/api/v1/cases/{admin.start()}").json["version"] == "1"
    refused = admin.post("/api/v1/cases", {"specification": "orders", "version": "2", "data": ORDER})
    assert (refused.status_code, refused.json["code"]) == (409, "specification_retired")
    assert admin.get("/api/v1/specifications/orders/2").json["retired"] is True


def test_a_designer_deploys_and_an_auditor_only_reads(bench: Bench) -> None:
    assert bench.user("eve", "designer").deploy(ORDERS).status_code == 201
    auditor = bench.user("kim", "auditor")
    assert auditor.deploy(ORDERS).status_code == 403
    assert auditor.get("/api/v1/specifications/orders/1").status_code == 200


def test_the_schema_of_the_format_is_served(bench: Bench) -> None:
    schema = bench.anybody().get("/api/v1/schemas/specification").json
    assert "nets" in schema["properties"]
