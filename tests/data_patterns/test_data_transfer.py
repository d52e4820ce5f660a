"""DP-27 to DP-33, data transfer: by value, copied in and out, by reference, and changed on the way."""

import pytest

from tests.data_patterns.site import Site

VALUE = """
specification: quote
version: "1"
nets:
  main:
    variables:
      order: {schema: {type: object}, input: true}
      total: {schema: {type: integer}, output: true}
    start: price
    tasks:
      price:
        kind: human
        offer: {roles: [clerk]}
        input: {lines: "$.order.lines"}
        output: {total: "$.total"}
        next: end
"""

COPY = """
specification: revision
version: "1"
nets:
  main:
    variables: {text: {schema: {type: string}, input: true, output: true}}
    start: open
    tasks:
      open: {kind: routing, next: [revise, read]}
      revise: {kind: composite, net: revising, input: {text: "$.text"}, output: {text: "$.text"}, next: close}
      read: {kind: human, offer: {roles: [clerk]}, input: {text: "$.text"}, next: close}
      close: {kind: routing, join: and, next: end}
  revising:
    variables: {text: {schema: {type: string}, input: true, output: true}}
    start: edit
    tasks:
      edit: {kind: human, offer: {roles: [clerk]}, output: {text: "$.text"}, next: check}
      check: {kind: human, offer: {roles: [clerk]}, input: {text: "$.text"}, next: end}
"""

REFERENCE = """
specification: counter
version: "1"
nets:
  main:
    variables: {count: {schema: {type: integer}, default: 0, output: true}}
    start: open
    tasks:
      open: {kind: routing, next: [left, right]}
      left: {kind: human, offer: {roles: [clerk]}, LOCK input: {count: $.count}, output: {count: $.count}, next: close}
      right: {kind: human, offer: {roles: [clerk]}, LOCK input: {count: $.count}, output: {count: $.count}, next: close}
      close: {kind: routing, join: and, next: end}
"""

ACROSS = """
specification: stock
version: "1"
nets:
  main:
    variables:
      pieces: {schema: {type: integer}, shared: specification, default: 10}
      wanted: {schema: {type: integer}, input: true}
      taken: {schema: {type: boolean}, default: false, output: true}
    start: take
    tasks:
      take:
        kind: automated
        connector: shared
        config: {unchanged: [pieces]}
        input: {pieces: {expr: "pieces - wanted"}}
        output: {taken: "$.written"}
        loop: {until: taken}
        next: end
"""

LOCKED_ACROSS = """
specification: room
version: "1"
nets:
  main:
    variables:
      me: {schema: {type: string}, input: true}
      holder: {schema: {type: string}, shared: specification, default: ""}
      notes: {schema: {type: array}, shared: specification, default: []}
      held: {schema: {type: boolean}, default: false}
    start: lock
    tasks:
      lock:                        # waits until nobody holds it, and tries again where somebody was faster
        kind: automated
        connector: shared
        requires: "holder == ''"
        config: {unchanged: [holder]}
        input: {holder: "$.me"}
        output: {held: "$.written"}
        split: xor
        next: [{to: work, when: held}, {to: lock}]
      work: {kind: human, offer: {roles: [clerk]}, input: {notes: "$.notes"}, next: unlock}
      unlock:
        kind: automated
        connector: shared
        input: {holder: {value: ""}, notes: {expr: "notes + [me]"}}
        next: end
"""

CHANGED = """
specification: label
version: "1"
nets:
  main:
    variables:
      names: {schema: {type: array}, input: true}
      label: {schema: {type: string}, output: true}
      size: {schema: {type: integer}, output: true}
    start: write
    tasks:
      write:
        kind: human
        offer: {roles: [clerk]}
        input: {first: {path: "$.names[0]", transform: upper}, count: {expr: "size(names)"}}
        output: {label: {path: "$.text", transform: trim}, size: {expr: "size(output.text)"}}
        next: end
"""


def test_dp27_incoming_data_is_a_copy(site: Site) -> None:
    site.deploy(VALUE)
    site.start("quote", "c1", order={"lines": [1]})
    item = site.begin("c1", "price")
    site.give("c1", order={"lines": [1, 2]})
    assert site.item("c1", "price")["input"] == {"lines": [1]}
    site.complete(item, total=1)


def test_dp28_outgoing_data_is_a_copy(site: Site) -> None:
    site.deploy(VALUE)
    site.start("quote", "c1", order={"lines": [1]})
    item = site.begin("c1", "price")
    site.complete(item, total=5, lines=[7])
    assert site.case("c1")["result"] == {"total": 5} and site.data("c1")["order"] == {"lines": [1]}
    shown = site.admin.get(f"/api/v1/work-items/{item}").json
    assert shown["output"] == {"total": 5, "lines": [7]}


def test_dp29_data_is_copied_in_when_a_block_starts_and_out_when_it_ends(site: Site) -> None:
    site.deploy(COPY)
    site.start("revision", "c1", text="first")
    [child] = site.case("c1")["children"]
    site.do(child, "edit", text="second")
    site.give("c1", text="changed meanwhile")
    site.begin("c1", "read")
    assert site.item("c1", "read")["input"] == {"text": "changed meanwhile"}
    assert site.data(child) == {"text": "second"}
    site.do(child, "check")
    assert site.data("c1") == {"text": "second"}


def test_dp30_tasks_refer_to_one_variable_without_a_lock(site: Site) -> None:
    """Both have read before either wrote: the later one wins."""
    site.deploy(REFERENCE.replace("LOCK", ""))
    site.start("counter", "c1")
    left, right = site.begin("c1", "left"), site.begin("c1", "right")
    site.complete(left, count=site.item("c1", "left")["input"]["count"] + 1)
    site.complete(right, count=site.item("c1", "right")["input"]["count"] + 1)
    assert site.case("c1")["result"] == {"count": 1}


def test_dp31_tasks_refer_to_one_variable_with_a_lock(site: Site) -> None:
    """Who uses it keeps the others from starting: each reads what the one before has written."""
    site.deploy(REFERENCE.replace("LOCK", "mutex: count,"))
    site.start("counter", "c1")
    left = site.begin("c1", "left")
    right = site.item("c1", "right")["item_id"]
    held = site.admin.post(f"/api/v1/work-items/{right}/start")
    assert (held.status_code, held.json["code"]) == (409, "mutex_held")
    site.complete(left, count=1)
    site.begin("c1", "right")
    assert site.item("c1", "right")["input"] == {"count": 1}
    site.complete(right, count=2)
    assert site.case("c1")["result"] == {"count": 2}


@pytest.mark.parametrize("cases", [2, 5])
def test_dp30_cases_that_write_only_what_nobody_changed_lose_nothing(site: Site, cases: int) -> None:
    """All have read before any wrote. Whoever comes too late reads again, and goes another round."""
    site.deploy(ACROSS)
    for number in range(cases):
        site.admin.start("stock", {"wanted": 1}, case_id=f"c{number}")
    site.bench.drain()
    site.settle()
    assert site.shared("specifications", "stock") == {"pieces": 10 - cases}
    assert [site.status(f"c{number}") for number in range(cases)] == ["completed"] * cases


def test_dp31_cases_lock_what_they_share(site: Site) -> None:
    site.deploy(LOCKED_ACROSS)
    for me in ("a", "b", "c"):
        site.start("room", me, me=me)
    assert [site.offered(me) for me in ("a", "b", "c")] == [["work"], [], []]
    for done in range(3):
        [holder] = [me for me in ("a", "b", "c") if site.offered(me)]
        site.begin(holder, "work")
        assert len(site.item(holder, "work")["input"]["notes"]) == done
        site.do(holder, "work")
    assert sorted(site.shared("specifications", "room")["notes"]) == ["a", "b", "c"]


def test_dp32_data_is_changed_on_its_way_in(site: Site) -> None:
    site.deploy(CHANGED)
    site.start("label", "c1", names=["ann", "bob"])
    site.begin("c1", "write")
    assert site.item("c1", "write")["input"] == {"first": "ANN", "count": 2}


def test_dp33_data_is_changed_on_its_way_out(site: Site) -> None:
    site.deploy(CHANGED)
    site.start("label", "c1", names=["ann", "bob"])
    site.do("c1", "write", text="  hello ")
    assert site.case("c1")["result"] == {"label": "hello", "size": 8}
