"""DP-1 to DP-8, data visibility: who sees a datum, from one task to all cases of a specification and the world."""

from tests.connectors.local_server import LocalServer, reply_json
from tests.data_patterns.site import Site

TASK = """
specification: letter
version: "1"
nets:
  main:
    variables:
      name: {schema: {type: string}, input: true}
      sent: {schema: {type: boolean}, output: true}
    start: write
    tasks:
      write:
        kind: human
        offer: {roles: [clerk]}
        input: {salutation: {expr: "'Dear ' + name"}}
        output: {sent: "$.sent"}
        next: file
      file: {kind: human, offer: {roles: [clerk]}, input: {sent: "$.sent"}, next: end}
"""

BLOCK = """
specification: trip
version: "1"
nets:
  main:
    variables: {city: {schema: {type: string}, input: true}}
    start: book
    tasks:
      book: {kind: composite, net: booking, input: {city: "$.city"}, next: pay}
      pay: {kind: human, offer: {roles: [clerk]}, next: end}
  booking:
    variables:
      city: {schema: {type: string}, input: true}
      hotel: {schema: {type: string}}
    start: choose
    tasks:
      choose: {kind: human, offer: {roles: [clerk]}, output: {hotel: "$.hotel"}, next: confirm}
      confirm: {kind: human, offer: {roles: [clerk]}, input: {hotel: "$.hotel"}, next: end}
"""

SCOPE = """
specification: hiring
version: "1"
nets:
  main:
    variables:
      name: {schema: {type: string}, input: true}
      salary: {schema: {type: integer}, tasks: [offer, sign]}
    start: offer
    tasks:
      offer: {kind: human, offer: {roles: [clerk]}, output: {salary: "$.salary"}, next: prepare}
      prepare: {kind: human, offer: {roles: [clerk]}, input: {for: "$.name"}, next: sign}
      sign: {kind: human, offer: {roles: [clerk]}, input: {salary: "$.salary"}, next: end}
"""

INSTANCES = """
specification: review
version: "1"
nets:
  main:
    variables:
      papers: {schema: {type: array}, input: true}
      marks: {schema: {type: array}, output: true}
    start: read
    tasks:
      read:
        kind: human
        offer: {roles: [clerk]}
        input: {paper: "$.paper", number: "$.paper_index"}
        instances: {each: "$.papers", as: paper, gather: {variable: marks, from: "$.mark"}}
        next: end
"""

OUTSIDE = """
specification: weather
version: "1"
nets:
  main:
    variables:
      city: {schema: {type: string}, input: true}
      degrees: {schema: {type: integer}, output: true}
    start: look
    tasks:
      look:
        kind: automated
        connector: http
        config: {method: GET, url: "SERVER/{{ city }}"}
        output: {degrees: "$.body.degrees"}
        next: end
"""

TREE = """
specification: claim
version: "1"
nets:
  main:
    variables:
      reserve: {schema: {type: integer}, shared: case, default: 0}
    start: assess
    tasks:
      assess: {kind: composite, net: assessment, next: confirm}
      confirm: {kind: human, offer: {roles: [clerk]}, input: {reserve: "$.reserve"}, next: end}
  assessment:
    variables:
      reserve: {schema: {type: integer}, shared: case, default: 0}
      estimate: {schema: {type: integer}}
    start: estimate
    tasks:
      estimate: {kind: human, offer: {roles: [clerk]}, output: {estimate: "$.estimate"}, next: write}
      write:
        kind: automated
        connector: shared
        input: {reserve: "$.estimate"}
        next: check
      check: {kind: human, offer: {roles: [clerk]}, input: {reserve: "$.reserve"}, next: end}
"""

CUSTOMER = """
specification: order
version: "1"
nets:
  main:
    variables:
      customer: {schema: {type: string}, input: true}
      credit: {schema: {type: integer}, shared: {folder: "customer-{{ customer }}"}, default: 100}
      amount: {schema: {type: integer}, input: true}
    start: look
    tasks:
      look: {kind: human, offer: {roles: [clerk]}, input: {credit: "$.credit"}, next: take}
      take:
        kind: automated
        connector: shared
        input: {credit: {expr: "credit - amount"}}
        next: end
"""

RATES = """
specification: booking
version: "1"
nets:
  main:
    variables:
      rate: {schema: {type: number, minimum: 0}, shared: specification, default: 1.5}
      paid: {schema: {type: number}, output: true}
    start: pay
    tasks:
      pay:
        kind: human
        offer: {roles: [clerk]}
        input: {rate: "$.rate"}
        output: {paid: {expr: "output.hours * rate"}}
        next: end
"""


def test_dp01_task_data_is_seen_by_its_task_alone(site: Site) -> None:
    site.deploy(TASK)
    site.start("letter", "c1", name="Ann")
    item = site.begin("c1", "write")
    assert site.item("c1", "write")["input"] == {"salutation": "Dear Ann"}
    site.complete(item, sent=True, draft="a first try")
    assert site.data("c1") == {"name": "Ann", "sent": True}
    site.begin("c1", "file")
    assert site.item("c1", "file")["input"] == {"sent": True}


def test_dp02_block_data_is_seen_by_the_tasks_of_its_net_and_not_outside(site: Site) -> None:
    site.deploy(BLOCK)
    site.start("trip", "c1", city="Graz")
    [child] = site.case("c1")["children"]
    site.do(child, "choose", hotel="Post")
    site.begin(child, "confirm")
    assert site.item(child, "confirm")["input"] == {"hotel": "Post"}
    site.do(child, "confirm")
    assert site.offered("c1") == ["pay"] and site.data("c1") == {"city": "Graz"}
    outside = BLOCK.replace("pay: {kind: human", 'pay: {kind: human, input: {h: "$.hotel"}')
    assert site.refused(outside) == ['no variable named "hotel"']


def test_dp03_scope_data_is_seen_by_the_tasks_that_it_names(site: Site) -> None:
    site.deploy(SCOPE)
    site.start("hiring", "c1", name="Ann")
    site.do("c1", "offer", salary=900)
    site.do("c1", "prepare")
    site.begin("c1", "sign")
    assert site.item("c1", "sign")["input"] == {"salary": 900}


def test_dp03_no_other_task_can_name_it_or_look_at_all_variables(site: Site) -> None:
    hidden = '"salary" is not visible here: `tasks` of the variable names those that see it'
    for seen, said in (
        ('"$.salary"', hidden),
        ('{expr: "salary + 1"}', hidden),
        ('"$.*"', f'"$.*" looks at all variables, and {hidden}'),
        ('"$"', f'"$" looks at all variables, and {hidden}'),
    ):
        assert site.refused(SCOPE.replace('{for: "$.name"}', f"{{for: {seen}}}")) == [said]
    assert site.refused(SCOPE.replace("next: sign", 'output: {salary: "$.s"}, next: sign')) == [hidden]
    assert site.refused(SCOPE.replace("next: sign", 'requires: "salary > 0", next: sign')) == [hidden]
    assert site.refused(SCOPE.replace("tasks: [offer, sign]", "tasks: [ofer, sign]"))[0] == (
        'no task named "ofer" (did you mean "offer"?)'
    )


def test_dp04_instance_data_is_each_instances_own(site: Site) -> None:
    site.deploy(INSTANCES)
    site.start("review", "c1", papers=["a", "b"])
    items = site.admin.get("/api/v1/work-items", case_id="c1").json["items"]
    assert [item["input"] for item in items] == [{"paper": "a", "number": 0}, {"paper": "b", "number": 1}]
    for item, mark in zip(reversed(items), (2, 1), strict=True):
        site.move(item["item_id"], "start")
        site.complete(item["item_id"], mark=mark)
    assert site.case("c1")["result"] == {"marks": [1, 2]} and "paper" not in site.data("c1")


def test_dp08_environment_data_is_read_from_outside(site: Site, server: LocalServer) -> None:
    site.deploy(OUTSIDE.replace("SERVER", server.url))
    server.answer = reply_json({"degrees": 7})
    site.start("weather", "c1", city="Graz")
    assert server.last.path == "/Graz" and site.case("c1")["result"] == {"degrees": 7}


def test_dp05_case_data_is_seen_by_the_tasks_of_every_net_of_the_case(site: Site) -> None:
    site.deploy(TREE)
    site.start("claim", "c1")
    [child] = site.case("c1")["children"]
    site.do(child, "estimate", estimate=500)
    assert site.item(child, "check")["input"] == {"reserve": 500}
    site.do(child, "check")
    assert site.item("c1", "confirm")["input"] == {"reserve": 500}


def test_dp05_case_data_is_the_cases_own_and_goes_with_it(site: Site) -> None:
    site.deploy(TREE)
    site.start("claim", "c1")
    site.start("claim", "c2")
    [child] = site.case("c1")["children"]
    site.do(child, "estimate", estimate=500)
    assert site.shared("cases", "c1") == {"reserve": 500}
    assert site.shared("cases", "c2") == {}
    site.do(child, "check")
    site.do("c1", "confirm")
    assert site.status("c1") == "completed" and site.shared("cases", "c1") == {}
    late = site.share("cases", "c1", reserve=1)
    assert (late.status_code, late.json["code"]) == (409, "case_ended")


def test_dp05_what_a_case_of_another_specification_shared_goes_with_the_root(site: Site) -> None:
    below = TREE.partition("  assessment:")[2]
    site.deploy('specification: assessment\nversion: "1"\nnets:\n  main:' + below)
    above = TREE.partition("  assessment:")[0].replace("net: assessment", "specification: {id: assessment}")
    site.deploy(
        above.replace("      reserve: {schema: {type: integer}, shared: case, default: 0}\n", "")
        .replace("    variables:\n", "")
        .replace(', input: {reserve: "$.reserve"}', "")
    )
    site.start("claim", "c1")
    [child] = site.case("c1")["children"]
    site.do(child, "estimate", estimate=500)
    site.do(child, "check")
    assert site.shared("cases", "c1") == {"reserve": 500}
    site.do("c1", "confirm")
    assert site.status("c1") == "completed" and site.shared("cases", "c1") == {}


def test_dp06_folder_data_is_seen_by_the_cases_that_name_the_folder(site: Site) -> None:
    site.deploy(CUSTOMER)
    site.start("order", "c1", customer="ann", amount=30)
    site.start("order", "c2", customer="ann", amount=30)
    site.start("order", "c3", customer="bob", amount=30)
    site.do("c1", "look")
    inputs = [site.begin(case, "look") for case in ("c2", "c3")]
    given = [site.admin.get(f"/api/v1/work-items/{item}").json["input"]["credit"] for item in inputs]
    assert given == [70, 100]
    assert site.shared("folders", "customer-ann") == {"credit": 70}


def test_dp06_a_name_that_cannot_be_one_of_a_folder_fails_its_case(site: Site) -> None:
    site.deploy(CUSTOMER)
    site.start("order", "c1", customer="ann/bob", amount=30)
    assert site.failure("c1") == (
        "validation_error",
        "folder: 'customer-ann/bob' cannot be the name of a folder: letters, digits, _ . @ - and 100 of them at most",
    )


def test_dp07_workflow_data_is_seen_by_all_cases_of_a_specification(site: Site) -> None:
    site.deploy(RATES)
    site.start("booking", "c1")
    assert site.share("specifications", "booking", rate=2.5).status_code == 200
    site.start("booking", "c2")
    for case in ("c1", "c2"):
        site.do(case, "pay", hours=2.0)
        assert site.case(case)["result"] == {"paid": 5.0}


def test_dp07_workflow_data_is_shared_by_all_versions(site: Site) -> None:
    site.deploy(RATES)
    site.deploy(RATES.replace('version: "1"', 'version: "2"'))
    site.share("specifications", "booking", rate=2.5)
    site.admin.start("booking", {}, version="1", case_id="c1")
    site.settle()
    site.do("c1", "pay", hours=2.0)
    assert site.case("c1")["result"] == {"paid": 5.0}


def test_what_was_shared_meanwhile_is_read_before_an_instance_is_added(site: Site) -> None:
    rate = "{schema: {type: number}, shared: specification, default: 1.5}"
    dynamic = INSTANCES.replace("as: paper", "creation: dynamic, as: paper")
    dynamic = dynamic.replace("variables:\n", f"variables:\n      rate: {rate}\n", 1)
    site.deploy(dynamic.replace('number: "$.paper_index"', 'rate: "$.rate"'))
    site.start("review", "c1", papers=["a"])
    site.share("specifications", "review", rate=2.5)
    item = site.item("c1", "read")["item_id"]
    added = site.admin.post(f"/api/v1/work-items/{item}/add-instance", {"data": "b"})
    assert (added.status_code, added.json["input"]) == (200, {"paper": "b", "rate": 2.5})


def test_what_does_not_fit_is_not_taken(site: Site) -> None:
    site.deploy(CUSTOMER)
    site.start("order", "c1", customer="ann", amount=30)
    site.share("folders", "customer-ann", credit="much")
    assert site.begin("c1", "look") and site.data("c1")["credit"] == 100
    refused = site.share("folders", "customer-ann", **{"a b": 1})
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_shared_data")
    site.deploy(RATES)
    refused = site.share("specifications", "booking", rate=-1.0, other=1)
    assert [error["path"] for error in refused.json["errors"]] == ["$.data.other", "$.data.rate"]
