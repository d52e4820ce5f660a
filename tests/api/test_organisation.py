"""The organisation over the API: units, working hours and absences, import and export."""

from typing import Any

import pytest

from tests.api.bench import Bench, Caller

ANN: dict[str, Any] = {
    "id": "ann",
    "name": "Ann Archer; the elder",
    "roles": ["clerk", "buyer"],
    "capabilities": ["forklift"],
    "levels": {"french": "B2", "years": 12},
    "positions": ["lead"],
    "groups": ["sales"],
    "available": True,
    "absences": [{"start": "2026-08-01T00:00:00Z", "end": "2026-08-15T00:00:00Z", "reason": "holiday"}],
    "hours": {"timezone": "Europe/Berlin", "country": "DE", "mon": [{"start": "09:00", "end": "17:30"}]},
    "max_workload": 5,
    "cost": 40.5,
    "privileges": ["choose"],
    "kind": "person",
    "category": "",
    "email": "ann@example.org",
    "notices": [],
}
LIFT = {"id": "lift-1", "kind": "non_human", "category": "forklift"}
ORGANISATION: dict[str, Any] = {
    "participants": [ANN, LIFT],
    "roles": [{"id": "clerk", "name": "Clerk"}, {"id": "buyer", "parent": "clerk"}],
    "positions": [{"id": "lead", "group": "sales"}],
    "groups": [{"id": "sales", "type": "team"}],
    "capabilities": [{"id": "french", "type": "scale", "scale": ["A1", "A2", "B1", "B2"]}],
}


@pytest.mark.parametrize("noun", ["roles", "positions", "groups", "capabilities"])
def test_a_unit_is_entered_shown_listed_changed_and_removed(admin: Caller, noun: str) -> None:
    address = f"/api/v1/{noun}/one"
    assert admin.get(address).status_code == 404
    assert admin.put(address, {"name": "One"}).status_code == 201
    assert admin.put(address, {"name": "Number one"}).status_code == 200
    assert admin.get(address).json["name"] == "Number one"
    admin.put(f"/api/v1/{noun}/two", {})
    first = admin.get(f"/api/v1/{noun}", limit=1).json
    second = admin.get(f"/api/v1/{noun}", limit=1, cursor=first["next"]).json
    assert [each["id"] for each in first["items"] + second["items"]] == ["one", "two"] and second["next"] is None
    assert admin.delete(address).status_code == 204
    assert admin.delete(address).status_code == 404


@pytest.mark.parametrize(
    ("address", "body", "path"),
    [
        ("roles/a", {"type": "team"}, "$.type"),
        ("groups/a", {"scale": ["x"]}, "$.scale"),
        ("capabilities/a", {"parent": "b"}, "$.parent"),
        ("capabilities/a", {"type": "colour"}, "$.type"),
        ("capabilities/a", {"type": "scale"}, "$.scale"),
        ("capabilities/a", {"type": "scale", "scale": ["x", "x"]}, "$.scale"),
        ("roles/a", {"id": "b"}, "$.id"),
        ("roles/a", {"parent": "a"}, "$.parent"),
        ("roles/a,b", {}, "unit_id"),
        ("resources/a", {"absences": [{"start": "now", "end": "2026-01-01T00:00:00Z"}]}, "$.absences[0].start"),
        ("resources/a", {"hours": {"mon": [{"start": "9", "end": "17:00"}]}}, "$.hours.mon[0].start"),
        ("resources/a", {"hours": {"timezone": "Mars/North"}}, "$.hours"),
        ("resources/a", {"cost": -1}, "$.cost"),
        ("resources/a", {"levels": {"french": [1]}}, None),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    admin: Caller, address: str, body: dict[str, Any], path: str | None
) -> None:
    answered = admin.put(f"/api/v1/{address}", body)
    assert answered.status_code == 422
    assert path is None or [error["path"] for error in answered.json["errors"]] == [path]


def test_a_hierarchy_does_not_go_round_in_a_circle(admin: Caller) -> None:
    admin.put("/api/v1/roles/a", {"parent": "b"})
    answered = admin.put("/api/v1/roles/b", {"parent": "a"})
    assert (answered.status_code, answered.json["code"]) == (422, "circle")
    assert answered.json["errors"][0]["message"] == "a under b under a: it would lie under itself"


def test_a_participant_keeps_all_that_is_said_of_him(admin: Caller) -> None:
    admin.put("/api/v1/resources/ann", ANN)
    assert admin.get("/api/v1/resources/ann").json == ANN


@pytest.mark.parametrize("form", ["json", "csv"])
def test_what_is_exported_can_be_imported_again(bench: Bench, admin: Caller, form: str) -> None:
    assert admin.post("/api/v1/resources/import", ORGANISATION).json == {
        "participants": 2,
        "roles": 2,
        "positions": 1,
        "groups": 1,
        "capabilities": 1,
    }
    exported = admin.get("/api/v1/resources/export", format=form)
    before = bench.parts.registry.organisation()
    for name in before.participants:
        admin.delete(f"/api/v1/resources/{name}")
    media_type = "application/json" if form == "json" else "text/csv"
    answered = admin.send("POST", "/api/v1/resources/import", exported.text.encode(), media_type)
    assert answered.status_code == 200
    after = bench.parts.registry.organisation()
    assert (after.participants, after.units) == (before.participants, before.units)


def test_an_import_is_whole_or_nothing(bench: Bench, admin: Caller) -> None:
    version = bench.parts.registry.organisation_version()
    broken = {**ORGANISATION, "participants": [ANN, {**LIFT, "max_workload": -1}], "groups": [{"id": "no,name"}]}
    answered = admin.post("/api/v1/resources/import", broken)
    assert answered.status_code == 422
    assert [error["path"] for error in answered.json["errors"]] == ["$.participants[1].max_workload", "$.groups[0].id"]
    assert bench.parts.registry.organisation_version() == version


def test_an_import_that_closes_a_circle_is_refused(admin: Caller) -> None:
    admin.put("/api/v1/groups/a", {"parent": "b"})
    answered = admin.post("/api/v1/resources/import", {"groups": [{"id": "b", "parent": "a"}]})
    assert (answered.status_code, answered.json["code"]) == (422, "circle")


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("who,id\nperson,ann\n", "line 1"),
        ("what,id\nperson,ann\n", "line 2, what"),
        ("what,id,available\nparticipant,ann,perhaps\n", "line 2, available"),
        ("what,id,absences\nparticipant,ann,tomorrow\n", "line 2, absences"),
        ("what,id,hours\nparticipant,ann,{\n", "line 2, hours"),
        ("what,id\nparticipant,ann,more\n", "line 2"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_line_and_column(admin: Caller, table: str, path: str) -> None:
    answered = admin.send("POST", "/api/v1/resources/import", table.encode(), "text/csv")
    assert (answered.status_code, answered.json["code"]) == (422, "invalid_table")
    assert path in [error["path"] for error in answered.json["errors"]]


def test_an_absence_that_is_entered_over_the_api_counts_in_the_next_offer(bench: Bench, admin: Caller) -> None:
    for person in ("eve", "zoe"):
        admin.put(f"/api/v1/resources/{person}", {"roles": ["clerk"]})
    away = {"start": "2000-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    admin.put("/api/v1/resources/eve", {"roles": ["clerk"], "absences": [away]})
    admin.start(case_id="c1")
    bench.drain()
    assert admin.get("/api/v1/work-items/c1:1").json["offered_to"] == ["zoe"]
