"""DP-9 to DP-14, internal data interaction: between tasks, blocks and their sub-workflows, instances, and cases."""

from tests.data_patterns.site import Site

TASKS = """
specification: relay
version: "1"
nets:
  main:
    variables: {count: {schema: {type: integer}, input: true, output: true}}
    start: first
    tasks:
      first: {kind: human, offer: {roles: [clerk]}, output: {count: "$.count"}, next: second}
      second:
        kind: automated
        connector: echo
        input: {doubled: {expr: "count * 2"}}
        output: {count: "$.doubled"}
        next: end
"""

BLOCK = """
specification: order
version: "1"
nets:
  main:
    variables:
      order: {schema: {type: object}, input: true}
      tracking: {schema: {type: string}, output: true}
    start: ship
    tasks:
      ship:
        kind: composite
        net: shipping
        input: {weight: "$.order.weight"}
        output: {tracking: "$.number"}
        next: end
  shipping:
    variables:
      weight: {schema: {type: integer}, input: true}
      number: {schema: {type: string}, output: true}
      notes: {schema: {type: string}}
    start: pack
    tasks:
      pack:
        kind: human
        offer: {roles: [clerk]}
        input: {weight: "$.weight"}
        output: {number: "$.number", notes: "$.notes"}
        next: end
"""

INSTANCES = """
specification: quotes
version: "1"
nets:
  main:
    variables:
      suppliers: {schema: {type: array}, input: true}
      best: {schema: {type: integer}, output: true}
    start: ask
    tasks:
      ask:
        kind: automated
        connector: echo
        input: {name: "$.supplier.name", price: "$.supplier.price"}
        instances: {each: "$.suppliers", as: supplier, gather: {variable: best, from: "$.price", with: min}}
        next: end
"""

CASES = """
specification: kitchen
version: "1"
nets:
  main:
    variables:
      table: {schema: {type: string}, input: true}
      dish: {schema: {type: string}, shared: {folder: "table-{{ table }}"}}
      role: {schema: {enum: [cook, waiter]}, input: true}
      served: {schema: {type: string}, output: true}
    start: part
    tasks:
      part: {kind: routing, split: xor, next: [{to: cook, when: "role == 'cook'"}, {to: serve}]}
      cook: {kind: human, offer: {roles: [clerk]}, next: ready}
      ready: {kind: automated, connector: shared, input: {dish: {value: soup}}, next: end}
      serve:
        kind: automated
        connector: echo
        requires: "dish != null"
        input: {dish: "$.dish"}
        output: {served: "$.dish"}
        next: end
"""


def test_dp09_a_task_passes_data_on_to_another(site: Site) -> None:
    site.deploy(TASKS)
    site.start("relay", "c1", count=1)
    site.do("c1", "first", count=4)
    assert site.case("c1")["result"] == {"count": 8}


def test_dp10_a_block_task_passes_data_into_its_sub_workflow(site: Site) -> None:
    site.deploy(BLOCK)
    site.start("order", "c1", order={"weight": 3, "secret": "x"})
    [child] = site.case("c1")["children"]
    assert site.data(child) == {"weight": 3} and site.item(child, "pack")["input"] == {"weight": 3}


def test_dp11_a_sub_workflow_passes_data_back_to_its_block_task(site: Site) -> None:
    site.deploy(BLOCK)
    site.start("order", "c1", order={"weight": 3})
    [child] = site.case("c1")["children"]
    site.do(child, "pack", number="T-1", notes="fragile")
    assert site.case("c1")["result"] == {"tracking": "T-1"} and "notes" not in site.data("c1")


def test_dp12_each_instance_is_given_its_part(site: Site) -> None:
    site.deploy(INSTANCES)
    site.admin.start("quotes", {"suppliers": [{"name": n, "price": p} for n, p in (("a", 5), ("b", 3))]}, case_id="c1")
    site.bench.drain()
    calls = site.parts.store.calls_of("c1")
    assert [call.input for call in calls] == [{"name": "a", "price": 5}, {"name": "b", "price": 3}]


def test_dp13_what_the_instances_gave_is_joined(site: Site) -> None:
    site.deploy(INSTANCES)
    site.start("quotes", "c1", suppliers=[{"price": 5}, {"price": 3}, {"price": 4}])
    assert site.case("c1")["result"] == {"best": 3}


def test_dp14_a_case_passes_data_to_another_while_both_run(site: Site) -> None:
    site.deploy(CASES)
    site.start("kitchen", "waiter", table="7", role="waiter")
    site.start("kitchen", "other", table="8", role="waiter")
    site.start("kitchen", "cook", table="7", role="cook")
    assert site.status("waiter") == "running"
    site.do("cook", "cook")
    assert site.case("waiter")["result"] == {"served": "soup"}
    assert site.status("other") == "running"
