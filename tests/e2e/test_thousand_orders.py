"""A thousand real orders over HTTP: all complete, none twice, also when a worker is killed or all is restarted."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.client import AT_REST, ApiProblem, ApiUnreachable, Client
from deploy.settings import Settings
from deploy.wiring import Parts, build
from engine.replay import replay, stub_of
from engine.store import codec
from tests.e2e.up import Up

ORDERS = int(os.environ.get("CASEWRIGHT_TEST_ORDERS", "150"))
"""How many orders each test submits; the full number is 1000."""

SPECIFICATION = "order-fulfilment"
CLERKS = 8


def order(number: int) -> dict[str, Any]:
    """Every third order is larger than any stock."""
    lines = [{"sku": "chair", "quantity": 1_000_000 if number % 3 == 0 else 1}]
    return {"order": {"id": f"A-{number}", "customer": "Lindgren Furniture", "lines": lines}}


def submit(client: Client) -> list[str]:
    """Half of the orders in one bulk, half one by one."""
    half = ORDERS // 2
    bulk = client.start_cases([{"specification": SPECIFICATION, "data": order(n)} for n in range(half)])
    with ThreadPoolExecutor(CLERKS) as pool:
        single = list(pool.map(lambda n: client.start_case(SPECIFICATION, order(n)), range(half, ORDERS)))
    return [answer["case_id"] for answer in [*bulk, *single]]


def hire(client: Client) -> None:
    """Enters the clerks. What is distributed before there is anybody waits for an administrator, unoffered."""
    for number in range(CLERKS):
        name = f"clerk-{number}"
        client.put_resource(name, {"name": name, "roles": ["clerk"]})
        client.put_user(name, ["participant"], password=f"password of {name}", resource_id=name)


def work(client: Client, case_ids: list[str]) -> dict[str, dict[str, Any]]:
    """Clerks do what waits for them until every order is at rest; gives the cases."""
    clerks = [_clerk(client, number) for number in range(CLERKS)]
    cases: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(CLERKS) as pool:
        while len(cases) < len(case_ids):
            left = [case_id for case_id in case_ids if case_id not in cases]
            list(pool.map(_do_all, clerks))
            for case in pool.map(lambda case_id: _patiently(lambda: client.case(case_id)), left):
                if case is not None and case["status"] in AT_REST:
                    cases[case["case_id"]] = case
    return cases


def _clerk(client: Client, number: int) -> Client:
    clerk = Client(client.base_url)
    clerk.log_in(f"clerk-{number}", f"password of clerk-{number}")
    return clerk


def _do_all(clerk: Client) -> None:
    page = _patiently(lambda: clerk.items(limit=100))
    for item in page["items"] if page is not None else ():
        output = {"approved": True} if item["task"] == "approve" else {"weight": 2.5}
        try:
            if item["state"] != "started":
                clerk.start(item["item_id"])
            clerk.complete(item["item_id"], output)
        except ApiProblem as problem:
            # Another clerk was faster, or the store is being restarted: both are told, neither is a loss.
            assert problem.status in (409, 503), problem
        except ApiUnreachable:
            return


def _patiently(ask: Any) -> Any:
    """What is asked, or None while nobody answers."""
    try:
        return ask()
    except ApiUnreachable:
        return None
    except ApiProblem as problem:
        if problem.status == 503:
            return None
        raise


def check(cases: dict[str, dict[str, Any]], client: Client) -> None:
    """Every order ended as it should, and no task of any was done twice."""
    assert Counter(case["status"] for case in cases.values()) == {"completed": ORDERS}
    outcomes = Counter(case["result"]["outcome"] for case in cases.values())
    large = sum(number % 3 == 0 for number in range(ORDERS))
    assert outcomes == {"backordered": large, "shipped": ORDERS - large}
    for case_id in cases:
        done = [
            note["task"]
            for entry in client.whole_journal(case_id)
            for note in entry["effects"]
            if note["what"] == "completed"
        ]
        assert len(done) == len(set(done)), case_id


def check_replay(case_ids: list[str], redis_url: str) -> None:
    """Each case and each of its items is what the journal says."""
    parts: Parts = build(Settings.from_environment({**os.environ, "REDIS_URL": redis_url}))
    for case_id in case_ids:
        case = parts.store.case(case_id)
        assert case is not None
        specification = parts.definitions.get(case.specification, case.specification_version)
        replayed = replay(specification, stub_of(case), parts.store.journal(case_id))
        assert codec.pack_case(replayed.case) == codec.pack_case(case)
        assert replayed.items == {item.id: item for item in parts.store.items_of(case_id)}


@pytest.mark.timeout(240)
def test_all_orders_complete_and_none_twice(tmp_path: Path, redis_url: str) -> None:
    with Up(tmp_path, "--demo", redis_url=redis_url) as up:
        client = up.client()
        hire(client)
        case_ids = submit(client)
        cases = work(client, case_ids)
        check(cases, client)
        check_replay(case_ids, redis_url)


@pytest.mark.timeout(240)
def test_all_orders_complete_although_a_worker_is_killed(tmp_path: Path, redis_url: str) -> None:
    with Up(tmp_path, "--demo", redis_url=redis_url) as up:
        client = up.client()
        hire(client)
        case_ids = submit(client)
        up.kill_a_worker()
        cases = work(client, case_ids)
        check(cases, client)
        check_replay(case_ids, redis_url)


@pytest.mark.timeout(240)
def test_all_orders_complete_although_everything_is_stopped_and_started(tmp_path: Path) -> None:
    with Up(tmp_path, "--demo") as up:
        client = up.client()
        hire(client)
        case_ids = submit(client)
        assert up.stop() == 0, up.log()
        up.start()
        client = up.client()
        cases = work(client, case_ids)
        check(cases, client)
