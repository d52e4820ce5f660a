"""DP-15 to DP-26, external data interaction: pushed and pulled, between the world outside and tasks, cases, workflows.

Who takes the first step pushes what he has, or pulls what the other has.
"""

import json

from tests.connectors.local_server import LocalServer, reply_json
from tests.data_patterns.site import Site

TASK_PUSH = """
specification: notify
version: "1"
nets:
  main:
    variables: {name: {schema: {type: string}, input: true}}
    start: tell
    tasks:
      tell:
        kind: automated
        connector: http
        config: {method: POST, url: "SERVER/hello", body: {name: "{{ name }}"}}
        next: end
"""

TASK_PULL = """
specification: price
version: "1"
nets:
  main:
    variables:
      sku: {schema: {type: string}, input: true}
      cents: {schema: {type: integer}, output: true}
    start: ask
    tasks:
      ask:
        kind: automated
        connector: http
        config: {method: GET, url: "SERVER/prices/{{ sku }}"}
        output: {cents: "$.body.cents"}
        next: end
"""

DESK = """
specification: desk
version: "1"
nets:
  main:
    variables:
      address: {schema: {type: string}, input: true}
      answer: {schema: {type: string}, output: true}
    start: call
    tasks:
      call:
        kind: human
        offer: {roles: [clerk]}
        input: {address: "$.address", hint: {value: none}}
        output: {answer: "$.answer"}
        next: end
"""

CASE_PUSH = """
specification: parcel
version: "1"
nets:
  main:
    variables:
      place: {schema: {type: string}, input: true}
      told: {schema: {type: [string, "null"]}}
    start: open
    tasks:
      open: {kind: routing, next: [deliver, notice]}
      deliver: {kind: human, offer: {roles: [clerk]}, output: {place: {value: delivered}}, next: close}
      notice:                       # beside the work: whenever the place of the parcel changes it is told outside
        kind: automated
        connector: echo
        requires: "place != told"
        input: {told: "$.place"}
        output: {told: "$.told"}
        next: tell
      tell:
        kind: automated
        connector: http
        config: {method: POST, url: "SERVER/places", body: {place: "{{ told }}"}}
        split: xor
        next: [{to: notice, when: "told != 'delivered'"}, {to: close}]
      close: {kind: routing, join: and, next: end}
"""

CASE_PULL = """
specification: trade
version: "1"
nets:
  main:
    variables:
      stale: {schema: {type: boolean}, default: true}
      rate: {schema: {type: [number, "null"]}}
    start: open
    tasks:
      open: {kind: routing, next: [deal, fetch]}
      deal: {kind: human, offer: {roles: [clerk]}, input: {rate: "$.rate"}, next: end}
      fetch:                        # beside the work: whenever the rate is stale the case asks for it
        kind: automated
        connector: http
        requires: "stale"
        config: {method: GET, url: "SERVER/rate"}
        output: {rate: "$.body.rate", stale: {value: false}}
        split: xor
        next: [{to: fetch, when: "rate != null"}, {to: end}]
"""

HERALD = """
specification: shop
version: "1"
nets:
  main:
    variables:
      price: {schema: {type: integer}, shared: specification}
      told: {schema: {type: [integer, "null"]}}
    start: notice
    tasks:
      notice:                       # one case of the specification tells outside what all of them share
        kind: automated
        connector: echo
        requires: "price != null && price != told"
        input: {told: "$.price"}
        output: {told: "$.told"}
        next: tell
      tell:
        kind: automated
        connector: http
        config: {method: PUT, url: "SERVER/price", body: "{{ told }}"}
        split: xor
        next: [{to: notice, when: "told > 0"}, {to: end}]
"""

FETCHER = """
specification: exchange
version: "1"
nets:
  main:
    variables:
      rate: {schema: {type: number}, shared: specification}
      found: {schema: {type: number}}
      fetches: {schema: {type: boolean}, input: true}
      used: {schema: {type: number}, output: true}
    start: part
    tasks:
      part: {kind: routing, split: xor, next: [{to: fetch, when: fetches}, {to: use}]}
      fetch:
        kind: automated
        connector: http
        config: {method: GET, url: "SERVER/rate"}
        output: {found: "$.body.rate"}
        next: keep
      keep: {kind: automated, connector: shared, input: {rate: "$.found"}, next: end}
      use:
        kind: automated
        connector: echo
        requires: "rate != null"
        input: {rate: "$.rate"}
        output: {used: "$.rate"}
        next: end
"""


def told(server: LocalServer) -> list[object]:
    """The bodies that came to the service outside."""
    return [json.loads(received.body) for received in server.received]


def test_dp15_a_task_pushes_data_to_the_environment(site: Site, server: LocalServer) -> None:
    site.deploy(TASK_PUSH.replace("SERVER", server.url))
    site.start("notify", "c1", name="Ann")
    assert (server.last.method, server.last.path) == ("POST", "/hello") and told(server) == [{"name": "Ann"}]
    assert site.status("c1") == "completed"


def test_dp16_a_task_pulls_data_from_the_environment(site: Site, server: LocalServer) -> None:
    site.deploy(TASK_PULL.replace("SERVER", server.url))
    server.answer = reply_json({"cents": 250})
    site.start("price", "c1", sku="a/b")
    assert server.last.method == "GET" and site.case("c1")["result"] == {"cents": 250}


def test_dp17_the_environment_pushes_data_to_a_running_task(site: Site) -> None:
    site.deploy(DESK)
    site.start("desk", "c1", address="here")
    item = site.begin("c1", "call")
    updated = site.admin.post(f"/api/v1/work-items/{item}/data", {"data": {"hint": "ask for Bob"}})
    assert updated.status_code == 200
    assert site.item("c1", "call")["input"] == {"address": "here", "hint": "ask for Bob"}
    assert "hint" not in site.data("c1")
    site.complete(item, answer="yes")
    late = site.admin.post(f"/api/v1/work-items/{item}/data", {"data": {"hint": "too late"}})
    assert (late.status_code, late.json["code"]) == (409, "item_state_conflict")


def test_dp17_only_who_may_tell_what_happens_outside_pushes(site: Site) -> None:
    site.deploy(DESK)
    site.start("desk", "c1", address="here")
    item = site.begin("c1", "call")
    body = {"data": {"hint": "x"}}
    assert site.bench.user("sensor", "service").post(f"/api/v1/work-items/{item}/data", body).status_code == 200
    assert site.bench.user("ann", "participant").post(f"/api/v1/work-items/{item}/data", body).status_code == 403


def test_dp18_the_environment_pulls_data_from_a_running_task(site: Site) -> None:
    site.deploy(DESK)
    site.start("desk", "c1", address="here")
    item = site.begin("c1", "call")
    shown = site.bench.user("kim", "auditor").get(f"/api/v1/work-items/{item}").json
    assert (shown["state"], shown["input"]) == ("started", {"address": "here", "hint": "none"})


def test_dp19_a_case_pushes_its_data_whenever_it_changes(site: Site, server: LocalServer) -> None:
    site.deploy(CASE_PUSH.replace("SERVER", server.url))
    site.start("parcel", "c1", place="Graz")
    site.give("c1", place="Wien")
    site.give("c1", place="Wien")
    site.give("c1", place="Linz")
    site.do("c1", "deliver")
    assert told(server) == [{"place": place} for place in ("Graz", "Wien", "Linz", "delivered")]
    assert site.status("c1") == "completed"


def test_dp20_a_case_pulls_data_whenever_it_needs_them(site: Site, server: LocalServer) -> None:
    site.deploy(CASE_PULL.replace("SERVER", server.url))
    server.answer = reply_json({"rate": 1.5})
    site.start("trade", "c1")
    assert site.data("c1") == {"stale": False, "rate": 1.5} and len(server.received) == 1
    server.answer = reply_json({"rate": 1.75})
    site.give("c1", stale=True)
    site.begin("c1", "deal")
    assert site.item("c1", "deal")["input"] == {"rate": 1.75} and len(server.received) == 2


def test_dp21_the_environment_pushes_data_to_a_running_case(site: Site) -> None:
    site.deploy(DESK)
    site.start("desk", "c1", address="here")
    given = site.give("c1", address="there")
    assert (given.status_code, given.json) == (202, {"case_id": "c1", "status": "running"})
    site.begin("c1", "call")
    assert site.item("c1", "call")["input"]["address"] == "there"


def test_dp21_what_does_not_fit_is_refused_with_its_place(site: Site) -> None:
    site.deploy(DESK)
    site.start("desk", "c1", address="here")
    refused = site.give("c1", address=7, city="Graz")
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_case_data")
    assert [(error["path"], error["message"]) for error in refused.json["errors"]] == [
        ("$.data.address", '7 is not of type "string"'),
        ("$.data.city", "is not a variable of net main"),
    ]
    site.do("c1", "call", answer="yes")
    ended = site.give("c1", address="there")
    assert (ended.status_code, ended.json["code"]) == (409, "case_ended")
    assert site.data("c1") == {"address": "here", "answer": "yes"}


def test_dp21_a_request_that_is_repeated_sets_the_data_once(site: Site) -> None:
    site.deploy(DESK)
    site.start("desk", "c1", address="here")
    key = {"Idempotency-Key": "k"}
    for _ in range(2):
        body = {"data": {"address": "there"}}
        assert site.admin.post("/api/v1/cases/c1/data", body, key).status_code == 202
    other = site.admin.post("/api/v1/cases/c1/data", {"data": {"address": "elsewhere"}}, key)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    site.settle()
    entries = site.admin.get("/api/v1/cases/c1/journal").json["items"]
    assert [entry["event"]["type"] for entry in entries].count("data.given") == 1


def test_dp22_the_environment_pulls_data_from_a_running_case(site: Site) -> None:
    site.deploy(DESK)
    site.start("desk", "c1", address="here")
    shown = site.bench.user("crm", "service").get("/api/v1/cases/c1").json
    assert (shown["status"], shown["data"]) == ("running", {"address": "here"})


def test_dp23_a_workflow_pushes_what_its_cases_share(site: Site, server: LocalServer) -> None:
    site.deploy(HERALD.replace("SERVER", server.url))
    site.start("shop", "herald")
    assert told(server) == []
    site.share("specifications", "shop", price=5)
    site.share("specifications", "shop", price=5)
    site.share("specifications", "shop", price=6)
    assert told(server) == [5, 6]


def test_dp24_a_workflow_pulls_data_that_its_cases_then_share(site: Site, server: LocalServer) -> None:
    site.deploy(FETCHER.replace("SERVER", server.url))
    server.answer = reply_json({"rate": 2.5})
    site.start("exchange", "user", fetches=False)
    site.start("exchange", "fetcher", fetches=True)
    assert site.case("user")["result"] == {"used": 2.5} and len(server.received) == 1


def test_dp25_the_environment_pushes_data_to_a_workflow(site: Site, server: LocalServer) -> None:
    site.deploy(FETCHER.replace("SERVER", server.url))
    site.start("exchange", "c1", fetches=False)
    site.start("exchange", "c2", fetches=False)
    assert site.share("specifications", "exchange", rate=3.5).json == {"data": {"rate": 3.5}, "version": 1}
    assert [site.case(case)["result"] for case in ("c1", "c2")] == [{"used": 3.5}, {"used": 3.5}]


def test_dp25_of_two_who_write_what_they_have_read_one_is_told_of_a_conflict(site: Site, server: LocalServer) -> None:
    site.deploy(FETCHER.replace("SERVER", server.url))
    address, body = "/api/v1/shared/specifications/exchange", {"data": {"rate": 1.5}, "version": 0}
    assert site.admin.post(address, body).status_code == 200
    lost = site.admin.post(address, {"data": {"rate": 2.5}, "version": 0})
    assert (lost.status_code, lost.json["code"]) == (409, "shared_data_changed")
    again = {"Idempotency-Key": "k"}
    for _ in range(2):
        written = site.admin.post(address, {"data": {"rate": 3.5}, "version": 1}, again)
        assert (written.status_code, written.json["version"]) == (200, 2)


def test_dp26_the_environment_pulls_data_from_a_workflow(site: Site, server: LocalServer) -> None:
    site.deploy(FETCHER.replace("SERVER", server.url))
    server.answer = reply_json({"rate": 2.5})
    site.start("exchange", "fetcher", fetches=True)
    shown = site.bench.user("crm", "service").get("/api/v1/shared/specifications/exchange")
    assert (shown.status_code, shown.json) == (200, {"data": {"rate": 2.5}, "version": 1})
    assert site.admin.get("/api/v1/shared/specifications/unknown").status_code == 404
    site.admin.delete("/api/v1/specifications/exchange/1")
    assert site.shared("specifications", "exchange") == {"rate": 2.5}


def test_what_is_shared_is_for_those_who_may_read_and_signal_cases(site: Site) -> None:
    address = "/api/v1/shared/folders/f"
    for access, may in (("service", (200, 200)), ("auditor", (200, 403)), ("participant", (403, 403))):
        caller = site.bench.user(f"a-{access}", access)
        assert (caller.get(address).status_code, caller.post(address, {"data": {"x": 1}}).status_code) == may


def test_a_write_that_makes_no_sense_is_refused_with_its_place(site: Site) -> None:
    address = "/api/v1/shared/folders/f"
    for body, path in (({"data": {}}, "$.data"), ({"data": {"x": 1}, "version": -1}, "$.version"), ({}, "$.data")):
        refused = site.admin.post(address, body)
        assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, path)
    nowhere = site.admin.get("/api/v1/shared/folders/a%20b")
    assert (nowhere.status_code, nowhere.json["code"]) == (404, "folder_not_found")
