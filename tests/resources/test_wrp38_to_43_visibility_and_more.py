"""Resource patterns 38 to 43: piled and chained execution, visibility, several things at a time, further resources."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resources.site import Person, Site, opened

ONE = """
    start: a
    tasks:
      a: {{kind: human, offer: {{roles: [clerk]}}, {more}next: end}}
"""
CHAIN = """
    start: a
    tasks:
      a: {kind: human, offer: {roles: [clerk]}, next: b}
      b: {kind: human, offer: {roles: [clerk]}, next: c}
      c: {kind: human, offer: {roles: [manager]}, next: d}
      d: {kind: human, offer: {roles: [clerk]}, next: end}
"""
PILED = "privileges: {can_pile: {roles: [clerk]}}, "
ROOM = "also: [room], "


def one(more: str = "") -> str:
    return ONE.format(more=more)


@pytest.fixture(params=["memory", "redis"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from opened(request, tmp_path)


@pytest.fixture
def ann(site: Site) -> Person:
    return site.person("ann", "clerk", privileges=("choose_item", "start_concurrently", "chain"))


@pytest.fixture
def bob(site: Site) -> Person:
    return site.person("bob", "clerk")


# -- 38 piled execution ------------------------------------------------------------------------------------------------


def test_wrp38_all_items_of_a_task_go_started_to_who_piles_it(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("one", one(PILED))
    ann.moves(site.item(site.start("one", "c0"), "a").id, "pile")
    for case in ("c1", "c2"):
        item = site.item(site.start("one", case), "a")
        assert (item.state, item.owner) == ("started", "ann")
    assert bob.queue() == ["c0:1"]
    assert ann.queue(state="started") == ["c1:1", "c2:1"]
    ann.moves("c0:1", "unpile")
    assert site.item(site.start("one", "c3"), "a").state == "offered"


def test_wrp38_a_task_has_one_piler(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("one", one(PILED))
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "pile")
    assert bob.refused(item, "pile") == (409, "already_piled")
    assert bob.refused(item, "unpile") == (403, "not_your_pile")
    site.boss.moves(item, "unpile")
    bob.moves(item, "pile")


def test_wrp38_only_who_is_granted_it_piles(site: Site, ann: Person) -> None:
    site.deploy("one", one())
    assert ann.refused(site.item(site.start("one", "c"), "a").id, "pile") == (403, "privilege_missing")


def test_wrp38_a_piler_who_is_away_gets_nothing(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("one", one(PILED))
    ann.moves(site.item(site.start("one", "c0"), "a").id, "pile")
    site.sends_away("ann", "clerk")
    assert site.item(site.start("one", "c1"), "a").offered_to == ("bob",)


# -- 39 chained execution ----------------------------------------------------------------------------------------------


def test_wrp39_the_next_items_of_a_case_start_for_who_chains_it(site: Site, ann: Person, bob: Person) -> None:
    eve = site.person("eve", "manager")
    site.deploy("chain", CHAIN)
    site.start("chain", "c")
    site.start("chain", "other")
    ann.moves("c:1", "chain")
    site.does(ann, "c", "a")
    assert (site.item("c", "b").state, site.item("c", "b").owner) == ("started", "ann")
    site.does(ann, "c", "b")
    assert site.item("c", "c").offered_to == ("eve",)
    site.does(eve, "c", "c")
    assert (site.item("c", "d").state, site.item("c", "d").owner) == ("started", "ann")
    site.does(bob, "other", "a")
    assert site.item("other", "b").state == "offered"


def test_wrp39_a_case_has_one_chainer_until_he_ends_it(site: Site, ann: Person) -> None:
    cid = site.person("cid", "clerk", privileges=("chain", "choose_item"))
    site.deploy("chain", CHAIN)
    site.start("chain", "c")
    ann.moves("c:1", "chain")
    assert cid.refused("c:1", "chain") == (409, "already_chained")
    assert cid.refused("c:1", "unchain") == (403, "not_your_chain")
    ann.moves("c:1", "unchain")
    site.does(ann, "c", "a")
    assert site.item("c", "b").state == "offered"


def test_wrp39_chaining_takes_its_privilege(site: Site, bob: Person) -> None:
    site.deploy("chain", CHAIN)
    site.start("chain", "c")
    assert bob.refused("c:1", "chain") == (403, "privilege_missing")


# -- 40, 41 visibility -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "offered", "others"), [("owner", True, False), ("offered", True, False), ("everybody", True, True)]
)
def test_wrp40_who_sees_an_unallocated_item_is_configured(
    site: Site, ann: Person, seen: str, offered: bool, others: bool
) -> None:
    eve = site.person("eve", "manager")
    site.deploy("one", one(f"visibility: {{unallocated: {seen}}}, "))
    item = site.item(site.start("one", "c"), "a").id
    assert (ann.sees(item), eve.sees(item)) == (offered, others)
    assert eve.queue(case_id="c", resource_id="*") == ([item] if others else [])


@pytest.mark.parametrize(
    ("seen", "offered", "others"), [("owner", False, False), ("offered", True, False), ("everybody", True, True)]
)
def test_wrp41_who_sees_an_allocated_item_is_configured(
    site: Site, ann: Person, bob: Person, seen: str, offered: bool, others: bool
) -> None:
    eve = site.person("eve", "manager")
    site.deploy("one", one(f"visibility: {{allocated: {seen}}}, "))
    item = site.item(site.start("one", "c"), "a").id
    ann.moves(item, "claim")
    assert (ann.sees(item), bob.sees(item), eve.sees(item)) == (True, offered, others)


def test_wrp41_who_may_see_the_items_of_his_group_does(site: Site) -> None:
    site.person("fay", "clerk", groups=("billing",))
    gus = site.person("gus", privileges=("view_group_items",), groups=("billing",))
    hal = site.person("hal", groups=("billing",))
    site.deploy("one", one("visibility: {allocated: owner, unallocated: owner}, "))
    item = site.item(site.start("one", "c"), "a").id
    assert (gus.sees(item), hal.sees(item)) == (True, False)
    assert gus.queue(resource_id="fay") == [item]


# -- 42 simultaneous execution -----------------------------------------------------------------------------------------


def test_wrp42_a_person_does_several_things_at_a_time_unless_it_is_forbidden(site: Site, ann: Person) -> None:
    cid = site.person("cid", "clerk", privileges=("choose_item",))
    site.deploy("one", one())
    for case in ("c1", "c2", "c3", "c4"):
        site.start("one", case)
    ann.moves("c1:1", "start")
    ann.moves("c2:1", "start")
    cid.moves("c3:1", "start")
    assert cid.refused("c4:1", "start") == (409, "other_item_started")
    cid.moves("c3:1", "complete", output={})
    cid.moves("c4:1", "start")


# -- 43 additional resources -------------------------------------------------------------------------------------------


def test_wrp43_an_item_engages_what_else_it_takes_until_it_is_done(site: Site, ann: Person, bob: Person) -> None:
    site.person("room")
    site.deploy("one", one(ROOM))
    site.start("one", "c1")
    site.start("one", "c2")
    ann.moves("c1:1", "start")
    assert bob.refused("c2:1", "start") == (409, "resource_engaged")
    assert site.item("c2", "a").state == "offered"
    ann.moves("c1:1", "suspend")
    assert bob.refused("c2:1", "start") == (409, "resource_engaged")
    ann.moves("c1:1", "resume")
    ann.moves("c1:1", "complete", output={})
    bob.moves("c2:1", "start")


def test_wrp43_what_is_not_there_lets_nobody_start(site: Site, ann: Person) -> None:
    site.deploy("one", one(ROOM))
    site.start("one", "c")
    assert ann.refused("c:1", "start") == (409, "resource_unavailable")


def test_wrp43_a_case_names_what_its_items_take(site: Site, ann: Person) -> None:
    for room in ("red", "blue"):
        site.person(room)
    named = "    variables: {room: {schema: {type: string}, input: true}}" + one("also: $.room, ")
    site.deploy("named", "\n" + named)
    for case, room in (("c1", "red"), ("c2", "blue"), ("c3", "red")):
        site.start("named", case, room=room)
    ann.moves("c1:1", "start")
    ann.moves("c2:1", "start")
    assert ann.refused("c3:1", "start") == (409, "resource_engaged")
