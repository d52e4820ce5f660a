"""Resource patterns 21 to 26: who takes which work, and in which order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resources.site import Person, Site, opened

ONE = """
    start: a
    tasks:
      a: {kind: human, offer: {roles: [clerk]}, next: end}
"""
URGENT = """
    variables: {urgency: {schema: {type: integer}, input: true}, due: {schema: {type: string}, input: true}}
    start: a
    tasks:
      a: {kind: human, offer: {roles: [clerk]}, priority: urgency, due: {at: $.due}, next: end}
"""
SOON, LATER = "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"


@pytest.fixture(params=["memory", "redis"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from opened(request, tmp_path)


@pytest.fixture
def ann(site: Site) -> Person:
    return site.person("ann", "clerk")


@pytest.fixture
def bob(site: Site) -> Person:
    return site.person("bob", "clerk")


def test_wrp21_a_person_commits_to_an_offered_item_and_starts_it_later(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("one", ONE)
    item = site.item(site.start("one", "c"), "a").id
    assert ann.moves(item, "claim")["state"] == "allocated"
    assert bob.queue() == []
    assert bob.refused(item, "start") == (403, "not_your_item")
    assert ann.moves(item, "start")["owner"] == "ann"


def test_wrp22_a_person_starts_an_item_that_was_allocated_to_him(site: Site, bob: Person) -> None:
    site.deploy("one", ONE)
    item = site.item(site.start("one", "c"), "a").id
    site.boss.moves(item, "allocate", resource_id="bob")
    assert bob.moves(item, "start")["state"] == "started"


def test_wrp23_a_person_starts_an_offered_item_at_once(site: Site, ann: Person, bob: Person) -> None:
    site.deploy("one", ONE)
    item = site.item(site.start("one", "c"), "a").id
    assert ann.moves(item, "start")["owner"] == "ann"
    assert bob.refused(item, "start") == (409, "item_state_conflict")


def test_wrp24_the_system_orders_a_queue_by_priority_then_by_due_date_then_by_age(site: Site, ann: Person) -> None:
    site.deploy("urgent", URGENT)
    for name, urgency, due in (("old", 0, LATER), ("new", 0, LATER), ("soon", 0, SOON), ("first", 5, LATER)):
        site.start("urgent", name, urgency=urgency, due=due)
    ordered = ["first:1", "soon:1", "old:1", "new:1"]
    assert ann.queue() == site.boss.queue(resource_id="*") == ordered
    assert ann.queue(limit=2) == ordered[:2]
    assert ann.queue(due_before="2030-06-01T00:00:00Z") == ["soon:1"]


def test_wrp24_who_may_not_choose_starts_the_first_item_of_his_queue(site: Site) -> None:
    site.deploy("urgent", URGENT)
    cid = site.person("cid", "clerk", privileges=("start_concurrently",))
    site.start("urgent", "minor", urgency=0, due=SOON)
    site.start("urgent", "major", urgency=1, due=LATER)
    assert cid.refused("minor:1", "start") == (409, "not_next_item")
    cid.moves("major:1", "start")
    cid.moves("minor:1", "start")


def test_wrp25_a_person_orders_his_own_queue(site: Site, ann: Person) -> None:
    site.deploy("one", ONE)
    for name in ("c1", "c2"):
        ann.moves(site.item(site.start("one", name), "a").id, "claim")
    assert ann.queue() == ["c1:1", "c2:1"]
    assert ann.edit("c2:1", priority=7).json["priority"] == 7
    assert ann.queue() == ["c2:1", "c1:1"]
    assert ann.edit("c2:1", due_at=SOON).status_code == 403
    site.boss.edit("c1:1", priority=7, due_at=SOON)
    assert ann.queue() == ["c1:1", "c2:1"]
    assert site.boss.edit("c1:1", due_at=None).json["due_at"] is None


def test_wrp25_who_may_not_reorder_takes_it_as_it_is(site: Site) -> None:
    site.deploy("one", ONE)
    cid = site.person("cid", "clerk", privileges=("choose_item",))
    item = site.item(site.start("one", "c"), "a").id
    cid.moves(item, "claim")
    answered = cid.edit(item, priority=1)
    assert (answered.status_code, answered.json["code"]) == (403, "privilege_missing")


def test_wrp25_a_person_narrows_his_queue_to_a_task_a_specification_and_words(site: Site, ann: Person) -> None:
    site.deploy(
        "letters",
        """
    variables: {name: {schema: {type: string}, input: true}, city: {schema: {type: string}, input: true}}
    start: a
    tasks:
      a:
        kind: human
        offer: {roles: [clerk]}
        input: {name: $.name, city: $.city}
        search: [name, city]
        split: and
        next: [b, c]
      b: {kind: human, offer: {roles: [clerk]}, next: d}
      c: {kind: human, offer: {roles: [clerk]}, next: d}
      d: {kind: routing, join: and, next: end}
""",
    )
    site.deploy("one", ONE)
    site.start("one", "other")
    site.start("letters", "c1", name="Anna Müller", city="Rome")
    site.start("letters", "c2", name="Rome Jones", city="Bonn")
    assert ann.queue(specification="letters") == ["c1:1", "c2:1"]
    assert ann.queue(task="a", specification="one") == ["other:1"]
    assert ann.queue(search="rome") == ["c1:1", "c2:1"]
    assert ann.queue(search="city:rome") == ["c1:1"]
    assert ann.queue(search="muller anna") == ["c1:1"]
    assert ann.queue(search="anna jones") == []
    site.does(ann, "c1", "a")
    assert ann.queue(search="city:rome") == []
    assert ann.queue(task="c") == ["c1:3"]


def test_wrp26_a_person_chooses_which_of_his_items_comes_next(site: Site, ann: Person) -> None:
    site.deploy("urgent", URGENT)
    site.start("urgent", "minor", urgency=0, due=SOON)
    site.start("urgent", "major", urgency=1, due=LATER)
    assert ann.moves("minor:1", "start")["state"] == "started"
