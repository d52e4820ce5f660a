"""Resource patterns 27 to 35: work that goes another way than it was distributed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resources.site import Person, Site, opened

ONE = """
    start: a
    tasks:
      a: {{kind: human, offer: {{roles: [clerk]}}, {more}next: end}}
"""
TWO = """
    variables: {{x: {{schema: {{type: integer}}, default: 0, output: true}}}}
    start: a
    tasks:
      a: {{kind: human, offer: {{roles: [clerk]}}, output: {{x: $.x}}, next: b}}
      b: {{kind: human, offer: {{roles: [clerk]}}, input: {{x: $.x}}, {more}next: end}}
"""
BRANCHES = """
    start: split
    tasks:
      split: {kind: routing, split: and, next: [a, b]}
      a: {kind: human, offer: {roles: [clerk]}, next: join}
      b: {kind: human, offer: {roles: [clerk]}, next: join}
      join: {kind: routing, join: and, next: c}
      c: {kind: human, offer: {roles: [clerk]}, next: end}
"""
CHOICE = """
    variables: {way: {schema: {type: string}, default: left}}
    start: a
    tasks:
      a:
        kind: human
        offer: {roles: [clerk]}
        output: {way: $.way}
        split: xor
        next: [{to: left, when: "way == 'left'"}, {to: right}]
      left: {kind: human, offer: {roles: [clerk]}, next: end}
      right: {kind: human, offer: {roles: [clerk]}, next: end}
"""


def one(more: str = "") -> str:
    return ONE.format(more=more)


def two(more: str = "") -> str:
    return TWO.format(more=more)


@pytest.fixture(params=["memory", "redis"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from opened(request, tmp_path)


@pytest.fixture
def ann(site: Site) -> Person:
    return site.person("ann", "clerk", privileges=("manage_cases", "choose_item", "start_concurrently"))


@pytest.fixture
def bob(site: Site) -> Person:
    return site.person("bob", "clerk")


# -- 27 delegation -----------------------------------------------------------------------------------------------------


def test_wrp27_an_allocated_item_is_passed_on_unstarted(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("one", one())
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "claim")
    passed = ann.moves(item, "delegate", resource_id="bob")
    assert (passed["state"], passed["owner"]) == ("allocated", "bob")
    assert ann.refused(item, "delegate", resource_id="ann") == (403, "not_your_item")
    assert bob.moves(item, "start")["owner"] == "bob"
    assert bob.refused(item, "delegate", resource_id="ann") == (409, "item_state_conflict")
    assert ann.refused(item, "delegate", resource_id="nobody") == (422, "unknown_resource")


@pytest.mark.parametrize("grant", ["none", "{participants: [bob]}", "{roles: [manager]}"])
def test_wrp27_only_who_is_granted_it_delegates(site: Site, ann: Person, bob: Person, grant: str) -> None:
    site.deploy("one", one(f"privileges: {{can_delegate: {grant}}}, "))
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "claim")
    assert ann.refused(item, "delegate", resource_id="bob") == (403, "privilege_missing")
    assert site.boss.moves(item, "delegate", resource_id="bob")["owner"] == "bob"


# -- 28 escalation -----------------------------------------------------------------------------------------------------


def test_wrp28_an_item_is_escalated_to_one_or_to_a_role_whoever_has_it(site: Site, ann: Person, bob: Person) -> None:
    eve = site.person("eve", "manager")
    site.person("fay", "manager")
    site.deploy("one", one())
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "start")
    offered = site.boss.moves(item, "escalate", role="manager")
    assert (offered["state"], offered["offered_to"], offered["owner"]) == ("offered", ["eve", "fay"], None)
    assert ann.refused(item, "complete", output={}) == (404, "item_not_found")
    assert eve.moves(item, "start")["owner"] == "eve"
    given = site.boss.moves(item, "escalate", resource_id="bob")
    assert (given["state"], given["owner"]) == ("allocated", "bob")
    assert ann.refused(item, "escalate", role="manager") == (403, "permission_missing")
    site.does(bob, "c", "a")
    assert site.status("c") == "completed"


def test_wrp28_the_system_offers_an_overdue_item_to_others(site: Site, ann: Person) -> None:
    eve = site.person("eve", "manager")
    site.deploy("one", one("timer: {after: PT0.002S, then: {escalate: {roles: [manager]}}}, "))
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "claim")
    site.wait_for_timers()
    found = site.item("c", "a")
    assert (found.state, found.offered_to, found.owner) == ("offered", ("eve",), None)
    assert eve.queue() == [item]


# -- 29 deallocation ---------------------------------------------------------------------------------------------------


def test_wrp29_an_item_that_is_given_back_is_offered_to_the_others(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("one", one())
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "claim")
    again = ann.moves(item, "deallocate")
    assert (again["state"], again["offered_to"], again["owner"]) == ("offered", ["bob"], None)
    assert ann.queue() == []
    bob.moves(item, "claim")
    assert bob.moves(item, "deallocate")["state"] == "created"
    assert site.boss.queue(state="created") == [item]


def test_wrp29_who_gave_an_item_back_may_get_it_again_once_it_was_started(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("one", one())
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "claim")
    ann.moves(item, "deallocate")
    assert site.item("c", "a").ignored == ("ann",)
    bob.moves(item, "start")
    assert site.item("c", "a").ignored == ()


# -- 30, 31 reallocation -----------------------------------------------------------------------------------------------


def test_wrp30_a_started_item_goes_on_with_another_person_where_it_stands(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("two", two())
    site.start("two", "c")
    item = site.does(ann, "c", "a", x=1).replace(":1", ":2")
    ann.moves(item, "start")
    ann.moves(item, "save", output={"half": "done"})
    site.boss.moves(item, "data", data={"x": 9})
    passed = ann.moves(item, "reallocate", resource_id="bob")
    assert (passed["state"], passed["owner"]) == ("started", "bob")
    assert (passed["input"], passed["output"]) == ({"x": 9}, {"half": "done"})


def test_wrp31_a_started_item_begins_anew_with_another_person(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("two", two("privileges: {can_reallocate_stateless: all}, "))
    site.start("two", "c")
    item = site.does(ann, "c", "a", x=1).replace(":1", ":2")
    ann.moves(item, "start")
    ann.moves(item, "save", output={"half": "done"})
    site.boss.moves(item, "data", data={"x": 9})
    passed = ann.moves(item, "reallocate", resource_id="bob", keep_data=False)
    assert (passed["state"], passed["owner"], passed["input"], passed["output"]) == ("started", "bob", {"x": 1}, None)


def test_wrp31_what_was_done_is_not_thrown_away_without_the_privilege(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("one", one())
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "start")
    refused = ann.refused(item, "reallocate", resource_id="bob", keep_data=False)
    assert refused == (403, "privilege_missing")


# -- 32 suspension, 33 skip --------------------------------------------------------------------------------------------


def test_wrp32_a_suspended_item_waits_until_it_is_resumed(site: Site, ann: Person) -> None:
    site.deploy("one", one())
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "start")
    assert ann.moves(item, "suspend")["state"] == "suspended"
    assert ann.queue(state="suspended") == [item]
    assert ann.refused(item, "complete", output={}) == (409, "item_state_conflict")
    assert ann.moves(item, "resume")["state"] == "started"


def test_wrp32_a_task_may_forbid_its_suspension(site: Site, ann: Person) -> None:
    site.deploy("one", one("privileges: {can_suspend: none}, "))
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "start")
    assert ann.refused(item, "suspend") == (403, "privilege_missing")


def test_wrp33_who_may_skip_lets_an_item_count_as_done(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("two", two("privileges: {can_skip: {participants: [ann]}}, "))
    site.start("two", "c")
    assert ann.refused("c:1", "skip") == (403, "privilege_missing")
    site.does(ann, "c", "a", x=1)
    assert bob.refused("c:2", "skip") == (403, "privilege_missing")
    assert ann.moves("c:2", "skip")["state"] == "skipped"
    assert site.status("c") == "completed"


# -- 34 redo -----------------------------------------------------------------------------------------------------------


def test_wrp34_a_completed_item_is_done_again_and_what_followed_too(site: Site, ann: Person) -> None:
    site.deploy("two", two())
    site.start("two", "c")
    site.does(ann, "c", "a", x=1)
    ann.moves("c:2", "start")
    again = ann.moves("c:1", "redo")
    assert (again["item_id"], again["task"], again["state"]) == ("c:3", "a", "offered")
    assert site.item("c", "b").state == "cancelled"
    site.does(ann, "c", "a", x=2)
    assert site.item("c", "b").input == {"x": 2}
    site.does(ann, "c", "b")
    assert site.status("c") == "completed"


def test_wrp34_a_branch_beside_it_is_not_done_again(site: Site, ann: Person) -> None:
    site.deploy("branches", BRANCHES)
    site.start("branches", "c")
    done = site.does(ann, "c", "a")
    site.does(ann, "c", "b")
    assert site.states("c")["c"] == "offered"
    ann.moves(done, "redo")
    assert site.states("c") == {"a": "offered", "b": "completed", "c": "withdrawn"}
    site.does(ann, "c", "a")
    site.does(ann, "c", "c")
    assert site.status("c") == "completed"


def test_wrp34_an_item_that_was_done_again_can_be_done_a_third_time(site: Site, ann: Person) -> None:
    site.deploy("branches", BRANCHES)
    site.start("branches", "c")
    first = site.does(ann, "c", "a")
    site.does(ann, "c", "b")
    ann.moves(first, "redo")
    assert ann.refused(first, "redo") == (409, "cannot_redo")
    second = site.does(ann, "c", "a")
    ann.moves(second, "redo")
    assert ann.refused(first, "redo") == (409, "cannot_redo")
    site.does(ann, "c", "a")
    site.does(ann, "c", "c")
    assert site.status("c") == "completed"


def test_wrp34_what_an_ended_case_did_stays_done(site: Site, ann: Person) -> None:
    site.deploy("one", one())
    site.start("one", "c")
    item = site.does(ann, "c", "a")
    assert ann.refused(item, "redo") == (409, "case_not_running")


def test_wrp34_who_may_not_manage_cases_has_nothing_done_again(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("two", two())
    site.start("two", "c")
    item = site.does(bob, "c", "a", x=1)
    assert bob.refused(item, "redo") == (403, "privilege_missing")
    assert ann.refused(item, "redo") == (403, "not_your_item")
    assert site.boss.moves(item, "redo")["task"] == "a"


# -- 35 pre-do ---------------------------------------------------------------------------------------------------------


def test_wrp35_what_was_done_ahead_of_time_is_applied_when_its_time_comes(site: Site, ann: Person) -> None:
    site.deploy("two", two())
    site.start("two", "c")
    ahead = ann.moves("c:1", "pre-do", task="b")
    assert (ahead["item_id"], ahead["task"], ahead["state"]) == ("c:2", "b", "offered")
    site.does(ann, "c", "b")
    assert site.status("c") == "running"
    assert (site.item("c", "b").state, site.item("c", "b").applied) == ("completed", None)
    site.does(ann, "c", "a", x=1)
    assert site.status("c") == "completed"
    assert site.item("c", "b").applied is True


def test_wrp35_what_was_begun_ahead_of_time_goes_on(site: Site, ann: Person) -> None:
    site.deploy("two", two())
    site.start("two", "c")
    ann.moves("c:1", "pre-do", task="b")
    ann.moves("c:2", "start")
    assert ann.refused("c:2", "fail", reason="no") == (409, "not_enabled_yet")
    site.does(ann, "c", "a", x=1)
    assert site.states("c") == {"a": "completed", "b": "started"}
    site.does(ann, "c", "b")
    assert site.status("c") == "completed"


def test_wrp35_an_item_that_nobody_began_ahead_of_time_waits_as_any_other(site: Site, ann: Person) -> None:
    site.deploy("two", two())
    site.start("two", "c")
    ann.moves("c:1", "pre-do", task="b")
    site.does(ann, "c", "a", x=1)
    assert [item.id for item in site.store.items_of("c")] == ["c:1", "c:2"]
    site.does(ann, "c", "b")
    assert site.status("c") == "completed"


def test_wrp35_what_was_done_ahead_in_vain_is_not_applied(site: Site, ann: Person) -> None:
    site.deploy("choice", CHOICE)
    site.start("choice", "c")
    ann.moves("c:1", "pre-do", task="right")
    site.does(ann, "c", "right")
    site.does(ann, "c", "a", way="left")
    assert site.item("c", "right").applied is None
    site.does(ann, "c", "left")
    assert site.status("c") == "completed"
    assert (site.item("c", "right").state, site.item("c", "right").applied) == ("completed", False)


def test_wrp35_who_began_ahead_of_time_wins_a_deferred_choice(site: Site, ann: Person) -> None:
    site.deploy(
        "deferred",
        """
    start: a
    conditions: {p: {next: [left, right]}}
    tasks:
      a: {kind: human, offer: {roles: [clerk]}, next: p}
      left: {kind: human, offer: {roles: [clerk]}, next: end}
      right: {kind: human, offer: {roles: [clerk]}, next: end}
""",
    )
    site.start("deferred", "c")
    ann.moves("c:1", "pre-do", task="right")
    ann.moves("c:2", "start")
    site.does(ann, "c", "a")
    assert site.states("c")["right"] == "started"
    assert site.states("c").get("left") in (None, "withdrawn")
    site.does(ann, "c", "right")
    assert site.status("c") == "completed"


@pytest.mark.parametrize("task", ["a", "nothing", "left"])
def test_wrp35_the_net_must_allow_it(site: Site, ann: Person, task: str) -> None:
    site.deploy("choice", CHOICE)
    site.start("choice", "c")
    if task == "left":
        ann.moves("c:1", "pre-do", task="left")
    assert ann.refused("c:1", "pre-do", task=task) == (409, "cannot_pre_do")


def test_wrp35_it_takes_the_privilege_to_manage_cases(site: Site, bob: Person) -> None:
    site.deploy("two", two())
    site.start("two", "c")
    assert bob.refused("c:1", "pre-do", task="b") == (403, "privilege_missing")
