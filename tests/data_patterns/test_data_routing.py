"""DP-34 to DP-40, data-based routing: pre- and postconditions, triggers by events and by data, predicates."""

from typing import Any

import pytest

from tests.data_patterns.site import Site

REQUIRES = """
specification: invoice
version: "1"
nets:
  main:
    variables:
      total: {schema: {type: [integer, "null"]}}
      paid: {schema: {type: boolean}, default: false}
    start: send
    tasks:
      send: {kind: KINDrequires: "CONDITION", next: end}
"""

ENSURES = """
specification: report
version: "1"
nets:
  main:
    variables:
      text: {schema: {type: [string, "null"]}}
      checked: {schema: {type: boolean}, default: false}
    start: write
    tasks:
      write: {kind: human, offer: {roles: [clerk]}, output: {text: "$.text"}, ensures: "CONDITION", next: end}
"""

AUTOMATED = """
specification: measure
version: "1"
nets:
  main:
    variables:
      value: {schema: {type: [number, "null"]}, input: true}
      least: {schema: {type: number}, default: 1.0}
    start: take
    tasks:
      take:
        kind: automated
        connector: echo
        input: {value: "$.value"}
        output: {value: "$.value"}
        ensures: "value != null && value >= least"
        next: end
"""

EVENT = """
specification: payment
version: "1"
nets:
  main:
    variables: {amount: {schema: {type: integer}, output: true}}
    start: book
    tasks:
      book:
        kind: routing
        trigger: {name: paid, kind: persistent}
        output: {amount: "$.trigger.amount"}
        next: end
"""

BY_DATA = """
specification: thermostat
version: "1"
nets:
  main:
    variables:
      degrees: {schema: {type: integer}, default: 20}
      alarm: {schema: {type: string}, output: true}
    start: open
    tasks:
      open: {kind: routing, next: [watch, warn]}
      watch: {kind: human, offer: {roles: [clerk]}, output: {degrees: "$.degrees"}, next: close}
      warn:
        kind: automated
        connector: echo
        requires: "degrees > 30"
        input: {alarm: {expr: "string(degrees) + ' degrees'"}}
        output: {alarm: "$.alarm"}
        next: close
      close: {kind: routing, join: and, next: end}
"""

ROUTING = """
specification: claim
version: "1"
nets:
  main:
    variables: {amount: {schema: {type: integer}, input: true}}
    start: sort
    tasks:
      sort:
        kind: routing
        split: SPLIT
        next: [{to: small, when: "amount < 100"}, {to: large, when: "amount < 1000"}, {to: board}]
      small: {kind: human, offer: {roles: [clerk]}, next: end}
      large: {kind: human, offer: {roles: [clerk]}, next: end}
      board: {kind: human, offer: {roles: [clerk]}, next: end}
"""

KINDS = {
    "human": "human, offer: {roles: [clerk]}, ",
    "automated": "automated, connector: echo, ",
    "routing": "routing, ",
    "composite": "composite, net: below, ",
}
BELOW = "  below:\n    start: work\n    tasks:\n      work: {kind: routing, next: end}\n"


def requiring(kind: str, condition: str) -> str:
    return REQUIRES.replace("KIND", KINDS[kind]).replace("CONDITION", condition) + BELOW


def ran(site: Site, case_id: str) -> bool:
    """Whether the task was enabled: it ran, or its item is offered."""
    return site.status(case_id) == "completed" or site.offered(case_id) == ["send"]


@pytest.mark.parametrize("kind", KINDS)
def test_dp34_a_task_waits_until_its_data_exist(site: Site, kind: str) -> None:
    site.deploy(requiring(kind, "total != null"))
    site.start("invoice", "c1")
    assert site.status("c1") == "running" and not ran(site, "c1")
    site.give("c1", paid=True)
    assert not ran(site, "c1")
    site.give("c1", total=7)
    assert ran(site, "c1")


@pytest.mark.parametrize("kind", KINDS)
def test_dp35_a_task_waits_until_its_data_have_a_value(site: Site, kind: str) -> None:
    site.deploy(requiring(kind, "paid && total == 7"))
    site.start("invoice", "c1")
    site.give("c1", total=7)
    assert not ran(site, "c1")
    site.give("c1", total=8, paid=True)
    assert not ran(site, "c1")
    site.give("c1", total=7)
    assert ran(site, "c1")


def test_dp35_an_item_is_withdrawn_when_its_task_has_to_wait_again(site: Site) -> None:
    site.deploy(requiring("human", "paid"))
    site.start("invoice", "c1")
    site.give("c1", paid=True)
    item = site.item("c1", "send")["item_id"]
    site.give("c1", paid=False)
    assert site.admin.get(f"/api/v1/work-items/{item}").json["state"] == "withdrawn"
    site.give("c1", paid=True)
    again = site.begin("c1", "send")
    site.give("c1", paid=False)
    assert again != item and site.complete(again).status_code == 200 and site.status("c1") == "completed"


def test_dp35_a_suspended_case_looks_again_when_it_goes_on(site: Site) -> None:
    site.deploy(requiring("automated", "paid"))
    site.start("invoice", "c1")
    site.admin.post("/api/v1/cases/c1/suspend")
    site.give("c1", paid=True)
    assert site.status("c1") == "suspended"
    site.admin.post("/api/v1/cases/c1/resume")
    site.settle()
    assert site.status("c1") == "completed"


def test_dp35_a_precondition_that_cannot_be_evaluated_is_no_false_one(site: Site) -> None:
    site.deploy(requiring("routing", "total > 1"))
    site.start("invoice", "c1")
    kind, message = site.failure("c1")
    assert kind == "constraint_violation" and message.startswith("'total > 1': an operation is not defined")


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("totl > 1", 'no variable named "totl" (did you mean "total"?)'),
        ("total >", '"total >" is not CEL at character 8: it ends too early'),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused_at_deployment(site: Site, condition: str, message: str) -> None:
    assert site.refused(requiring("routing", condition)) == [message]


def test_dp36_a_task_cannot_complete_until_its_data_exist(site: Site) -> None:
    site.deploy(ENSURES.replace("CONDITION", "text != null"))
    site.start("report", "c1")
    item = site.begin("c1", "write")
    refused = site.complete(item)
    assert (refused.status_code, refused.json["code"]) == (409, "postcondition_unmet")
    assert refused.json["detail"] == "task write is to ensure 'text != null', and it does not hold"
    assert site.item("c1", "write")["state"] == "started"
    assert site.complete(item, text="all is well").status_code == 200
    assert site.status("c1") == "completed"


def test_dp37_a_task_cannot_complete_until_its_data_have_a_value(site: Site) -> None:
    site.deploy(ENSURES.replace("CONDITION", "size(text) > 3"))
    site.start("report", "c1")
    item = site.begin("c1", "write")
    refused = site.complete(item, text="ok")
    assert (refused.status_code, refused.json["code"]) == (422, "postcondition_unmet")
    assert refused.json["errors"] == [{"path": "ensures", "message": "'size(text) > 3' does not hold"}]
    assert site.data("c1")["checked"] is False and "text" not in site.data("c1")
    assert site.complete(item, text="all is well").status_code == 200


def test_dp37_what_only_others_can_make_true_is_a_conflict_until_they_have(site: Site) -> None:
    site.deploy(ENSURES.replace("CONDITION", "checked"))
    site.start("report", "c1")
    item = site.begin("c1", "write")
    refused = site.complete(item, text="ok")
    assert (refused.status_code, refused.json["code"]) == (409, "postcondition_unmet")
    site.give("c1", checked=True)
    assert site.complete(item, text="ok").status_code == 200
    assert site.status("c1") == "completed"


def test_dp37_nor_can_it_be_skipped(site: Site) -> None:
    site.deploy(ENSURES.replace("CONDITION", "checked"))
    site.start("report", "c1")
    item = site.item("c1", "write")["item_id"]
    refused = site.admin.post(f"/api/v1/work-items/{item}/skip")
    assert (refused.status_code, refused.json["code"]) == (409, "postcondition_unmet")
    site.give("c1", checked=True)
    site.move(item, "skip")
    assert site.status("c1") == "completed"


@pytest.mark.parametrize(("value", "status"), [(1.5, "completed"), (0.5, "failed"), (None, "failed")])
def test_dp36_dp37_an_automated_task_that_does_not_ensure_it_fails(site: Site, value: Any, status: str) -> None:
    site.deploy(AUTOMATED)
    site.start("measure", "c1", value=value)
    assert site.status("c1") == status
    if status == "failed":
        assert site.failure("c1") == (
            "constraint_violation",
            "task take is to ensure 'value != null && value >= least', and it does not hold",
        )


def test_dp38_an_event_from_outside_starts_a_task(site: Site) -> None:
    site.deploy(EVENT)
    site.start("payment", "c1")
    assert site.status("c1") == "running"
    posted = site.admin.post("/api/v1/cases/c1/events", {"name": "paid", "data": {"amount": 5}})
    site.settle()
    assert posted.status_code == 202 and site.case("c1")["result"] == {"amount": 5}


def test_dp39_a_condition_on_the_data_starts_a_task(site: Site) -> None:
    site.deploy(BY_DATA)
    site.start("thermostat", "c1")
    site.give("c1", degrees=29)
    assert "alarm" not in site.data("c1")
    site.do("c1", "watch", degrees=31)
    assert site.case("c1")["result"] == {"alarm": "31 degrees"}


@pytest.mark.parametrize(
    ("split", "amount", "tasks"),
    [
        ("xor", 50, ["small"]),
        ("xor", 500, ["large"]),
        ("xor", 5000, ["board"]),
        ("or", 50, ["small", "large"]),
        ("or", 5000, ["board"]),
    ],
)
def test_dp40_predicates_over_the_data_choose_the_branches(
    site: Site, split: str, amount: int, tasks: list[str]
) -> None:
    site.deploy(ROUTING.replace("SPLIT", split))
    site.start("claim", "c1", amount=amount)
    assert site.offered("c1") == tasks
