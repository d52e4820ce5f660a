"""Shared data is written exactly once: whatever is repeated, given up, or comes late."""

from random import Random
from typing import NoReturn

import pytest

from connectors.port import Done, Failed
from deploy.shared_connector import SharedConnector
from engine.effects import Call
from engine.errors import Unavailable
from engine.shared_data import SharedData
from engine.store.memory_folders import MemoryFolders
from engine.store.port import Outcome, Reported
from tests.data_patterns.site import WORKER, Site, request_of

COUNTER = """
specification: counter
version: "1"
nets:
  main:
    variables:
      count: {schema: {type: integer}, shared: specification, default: 0}
      written: {schema: {type: boolean}, output: true}
    start: ask
    tasks:
      ask: {kind: human, offer: {roles: [clerk]}, input: {count: "$.count"}, next: write}
      write:
        kind: automated
        connector: shared
        config: {CONFIG}
        input: {count: {expr: "count + 1"}}
        output: {written: "$.written"}
        retry: {attempts: 3, backoff_s: 0}
        next: end
"""

WAITER = """
specification: waiter
version: "1"
nets:
  main:
    variables:
      key: {schema: {type: string}, input: true}
      value: {schema: {type: integer}, shared: {folder: "{{ key }}"}}
      seen: {schema: {type: integer}, output: true}
    start: wait
    tasks:
      wait:
        kind: automated
        connector: echo
        requires: "value != null && value > 1"
        input: {value: "$.value"}
        output: {seen: "$.value"}
        next: end
"""


def begun(site: Site, case_id: str, config: str = "") -> Call:
    """A case whose write is placed and not yet made."""
    site.admin.start("counter", {}, case_id=case_id)
    site.bench.drain()
    item = site.item(case_id, "ask")["item_id"]
    site.admin.post(f"/api/v1/work-items/{item}/start")
    site.admin.post(f"/api/v1/work-items/{item}/complete", {"output": {}})
    site.bench.drain()
    [call] = site.parts.store.calls_of(case_id)
    return call


def test_a_call_that_is_made_again_writes_once(site: Site) -> None:
    """Its worker wrote and died before it could say so; another case has written since."""
    site.deploy(COUNTER.replace("CONFIG", ""))
    first = begun(site, "c1")
    site.made(first, 1)
    site.share("specifications", "counter", count=10)
    assert site.made(first, 2) == Done({"written": True, "values": {"count": 10}})
    assert site.shared("specifications", "counter") == {"count": 10}


def test_a_write_that_comes_late_is_done_no_more(site: Site) -> None:
    """The first attempt hung; the second one wrote, and the case has ended long since."""
    site.deploy(COUNTER.replace("CONFIG", "unchanged: [count]"))
    hung = begun(site, "c1")
    site.settle()
    assert site.case("c1")["result"] == {"written": True}
    site.share("specifications", "counter", count=0)
    site.made(hung, 1)
    assert site.shared("specifications", "counter") == {"count": 0}


def test_a_write_that_was_refused_is_refused_again(site: Site) -> None:
    site.deploy(COUNTER.replace("CONFIG", "unchanged: [count]"))
    call = begun(site, "c1")
    site.share("specifications", "counter", count=5)
    assert site.made(call, 1) == Done({"written": False, "values": {"count": 5}})
    site.share("specifications", "counter", count=0)
    assert site.made(call, 2) == Done({"written": False, "values": {"count": 0}})
    assert site.shared("specifications", "counter") == {"count": 0}


def test_a_step_that_is_not_committed_writes_nothing(site: Site) -> None:
    """Somebody else has changed the case between its reading and its commit."""
    site.deploy(COUNTER.replace("CONFIG", ""))
    begun(site, "c1")
    store = site.parts.store
    case = store.case("c1")
    assert case is not None
    progress = site.parts.runner.progress(case)
    site.admin.post("/api/v1/cases/c1/cancel")
    site.bench.drain()
    assert store.commit([progress.finished()])[0] is Outcome.CONFLICT
    site.settle()
    assert site.shared("specifications", "counter") == {} and site.status("c1") == "cancelled"


def test_a_cancelled_case_writes_nothing_more(site: Site) -> None:
    site.deploy(COUNTER.replace("CONFIG", ""))
    begun(site, "c1")
    site.admin.post("/api/v1/cases/c1/cancel")
    site.bench.drain()
    assert site.call() == 0 and site.shared("specifications", "counter") == {}


def test_a_case_that_waits_is_told_again_by_a_writer_who_died_before_he_could(site: Site) -> None:
    site.deploy(WAITER)
    site.start("waiter", "c1", key="k")
    folders = site.parts.folders
    # It is written, and nobody is told; the request is repeated with its key.
    key = {"Idempotency-Key": "k"}
    watchers = folders.watchers("folder:k")
    folders.unwatch("folder:k", watchers)
    site.admin.post("/api/v1/shared/folders/k", {"data": {"value": 7}}, key)
    site.settle()
    assert site.status("c1") == "running"
    folders.watch("folder:k", *watchers)
    assert site.admin.post("/api/v1/shared/folders/k", {"data": {"value": 7}}, key).json["version"] == 1
    site.settle()
    assert site.case("c1")["result"] == {"seen": 7}


def test_a_case_that_has_ended_is_told_no_more(site: Site) -> None:
    site.deploy(WAITER)
    site.start("waiter", "c1", key="k")
    site.share("folders", "k", value=7)
    assert site.status("c1") == "completed"
    site.share("folders", "k", value=8)
    assert site.parts.folders.watchers("folder:k") == []
    events = [entry["event"]["type"] for entry in site.admin.get("/api/v1/cases/c1/journal").json["items"]]
    assert events.count("shared.changed") == 1


def test_a_suspended_case_takes_what_changed_when_it_goes_on(site: Site) -> None:
    site.deploy(WAITER)
    site.start("waiter", "c1", key="k")
    site.admin.post("/api/v1/cases/c1/suspend")
    site.settle()
    site.share("folders", "k", value=7)
    assert site.status("c1") == "suspended" and site.data("c1")["value"] == 7
    site.admin.post("/api/v1/cases/c1/resume")
    site.settle()
    assert site.case("c1")["result"] == {"seen": 7}


def test_what_stands_in_no_shared_variable_cannot_be_written(site: Site) -> None:
    text = COUNTER.replace("CONFIG", "")
    assert site.refused(text.replace("input: {count: {expr", "input: {cont: {expr")) == [
        '"cont" is no shared variable (did you mean "count"?)'
    ]
    assert site.refused(text.replace('input: {count: "$.count"}', 'output: {count: "$.count"}')) == [
        '"count" is shared: it is written by an automated task with `connector: shared`'
    ]
    for unchanged, name in (("[written]", '"written"'), ("[[count]]", "a list")):
        assert f"{name} is no shared variable kept there" in site.refused(
            text.replace("config: {}", f"config: {{unchanged: {unchanged}}}")
        )
    assert site.refused(text.replace("config: {}", "config: {unchanged: count}")) == ["must be a list, and not empty"]
    assert site.refused(text.replace('input: {count: {expr: "count + 1"}}', "")) == [
        'the key "input" is missing: it says which shared variables are written'
    ]
    elsewhere = text.replace("variables:", "variables:\n      other: {schema: {type: integer}, shared: case}")
    assert site.refused(elsewhere.replace("input: {count: {", "input: {other: 1, count: {")) == [
        '"count" is kept elsewhere than "other": one call writes one place'
    ]
    assert site.refused(text.replace("shared: specification", "shared: specification, tasks: [ask]"))[-1] == (
        '"count" is not visible here: `tasks` of the variable names those that see it'
    )
    assert site.refused(text.replace("shared: specification", "shared: specification, input: true")) == [
        "a shared variable is there before the case: none is given"
    ]
    assert site.refused(WAITER.replace('output: {seen: "$.value"}', "output: {key: {value: k}}")) == [
        'a folder is named by input variables that no task sets, and "key" is none of them'
    ]


def test_a_value_that_does_not_fit_its_variable_is_not_written(site: Site) -> None:
    site.deploy(COUNTER.replace("CONFIG", "").replace("{type: integer}, shared", "{type: integer, maximum: 0}, shared"))
    site.start("counter", "c1")
    site.do("c1", "ask")
    assert site.failure("c1") == ("validation_error", "input.count: 1 is greater than the maximum of 0")
    assert site.shared("specifications", "counter") == {}


def test_while_the_store_is_away_a_write_is_tried_again(site: Site) -> None:
    site.deploy(COUNTER.replace("CONFIG", ""))
    call = begun(site, "c1")
    away = SharedConnector(SharedData(Away(), site.parts.store, site.bench.doorbell.ring))
    assert away.call(request_of(call, 1)) == Failed("connection", "Redis does not answer", retryable=True)
    site.settle()
    assert site.case("c1")["result"] == {"written": True}


class Away(MemoryFolders):
    """A place that cannot be reached."""

    def write(self, *_: object) -> NoReturn:
        raise Unavailable("Redis does not answer")


TAKE = """
specification: stock
version: "1"
nets:
  main:
    variables:
      pieces: {schema: {type: integer}, shared: specification, default: 100}
      taken: {schema: {type: boolean}, default: false}
    start: take
    tasks:
      take:
        kind: automated
        connector: shared
        config: {unchanged: [pieces]}
        input: {pieces: {expr: "pieces - 1"}}
        output: {taken: "$.written"}
        loop: {until: taken}
        next: end
"""


@pytest.mark.parametrize("seed", range(15))
def test_workers_may_die_at_any_point(site: Site, seed: int) -> None:
    """Calls are made and nobody is told, made twice, handed back, reported late and again, in any order."""
    luck, cases, store = Random(seed), 6, site.parts.store
    site.deploy(TAKE)
    for number in range(cases):
        site.admin.start("stock", {}, case_id=f"c{number}")
    late: list[tuple[int, Reported]] = []
    for _ in range(60):
        shard = luck.randrange(store.shards)
        match luck.choice(["drain", "take", "take", "late"]):
            case "drain":
                site.parts.runner.drain(shard, "drainer")
            case "take":
                taken = store.take_calls(shard, WORKER, luck.randint(1, 3))
                for call, attempt in taken:
                    late += [(shard, site.outcome(call, attempt)) for _ in range(luck.randint(0, 2))]
                store.hand_back(shard, WORKER, taken)
            case "late" if late:
                told, outcome = late.pop(luck.randrange(len(late)))
                store.report(told, WORKER, [outcome])
    site.settle()
    for told, outcome in late:
        store.report(told, WORKER, [outcome])
    site.settle()
    assert [site.status(f"c{number}") for number in range(cases)] == ["completed"] * cases
    assert site.shared("specifications", "stock") == {"pieces": 100 - cases}
    assert site.parts.shared.read("specification:stock").version == cases
