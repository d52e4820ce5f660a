"""The API as it runs: gunicorn with threads, on a real Redis."""

import os
from collections.abc import Iterator
from threading import Barrier, Thread

import pytest
import requests
from redis import Redis

from api.client import ApiProblem, Client
from tests.api.bench import CALL, CHOICE, ORDER, ORDERS
from tests.api.served import Served, serving

ROUNDS = int(os.environ.get("CASEWRIGHT_TEST_ROUNDS", "1000"))
"""How often two people start the two branches of a deferred choice at once."""


@pytest.fixture(scope="module")
def process(redis_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API as it is started for use, for all tests of this file: starting it takes a second."""
    yield from serving(redis_port, tmp_path_factory.mktemp("api"))


@pytest.fixture
def served(process: Served, redis_client: "Redis") -> Served:
    """The API on an empty Redis."""
    return process


class Starter(Thread):
    """Somebody who starts one item in each round, at the same moment as the other."""

    def __init__(self, client: Client, items: list[str], together: Barrier) -> None:
        super().__init__(daemon=True)
        self._client, self._items, self._together = client, items, together
        self.answers: list[str] = []

    def run(self) -> None:
        for item in self._items:
            self._together.wait(30)
            try:
                self.answers.append(str(self._client.start(item)["state"]))
            except ApiProblem as problem:
                self.answers.append(f"{problem.status} {problem.code}")


@pytest.mark.timeout(180)
def test_of_two_who_start_two_branches_of_one_deferred_choice_at_once_exactly_one_wins(served: Served) -> None:
    admin = served.client("admin", "admin")
    ann, bob = served.client("ann", "participant"), served.client("bob", "participant")
    admin.deploy(CHOICE)
    cases = [f"race-{number}" for number in range(ROUNDS)]
    for first in range(0, ROUNDS, 1000):
        chunk = cases[first : first + 1000]
        admin.start_cases([{"specification": "choice", "case_id": case_id} for case_id in chunk])
    served.drain()
    together = Barrier(2)
    # The left branch is Ann's item 1, the right one Bob's item 2.
    starters = [Starter(ann, [f"{c}:1" for c in cases], together), Starter(bob, [f"{c}:2" for c in cases], together)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(150)
    rounds = list(zip(*(starter.answers for starter in starters), strict=True))
    assert len(rounds) == ROUNDS
    assert {tuple(sorted(answers)) for answers in rounds} == {("409 item_state_conflict", "started")}
    loaded = served.parts.store.load([], [f"{case_id}:{number}" for case_id in cases for number in (1, 2)])
    ends = {tuple(sorted(str(loaded.items[f"{c}:{number}"].state) for number in (1, 2))) for c in cases}
    assert ends == {("started", "withdrawn")}


def test_of_many_who_claim_one_item_at_once_exactly_one_gets_it(served: Served) -> None:
    people = [served.client(f"clerk-{number}", "participant", "clerk") for number in range(8)]
    admin = served.client("admin", "admin")
    admin.deploy(ORDERS)
    admin.start_case("orders", ORDER, case_id="c1")
    served.drain()
    answers: list[str] = []

    def claim(client: Client) -> None:
        try:
            answers.append(client.claim("c1:1")["state"])
        except ApiProblem as problem:
            answers.append(problem.code)

    threads = [Thread(target=claim, args=(client,)) for client in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == ["allocated"] + ["item_state_conflict"] * 7


def test_the_same_key_sent_many_times_at_once_begins_one_case(served: Served) -> None:
    admin = served.client("admin", "admin")
    admin.deploy(ORDERS)
    answers: list[str] = []

    def start() -> None:
        client = Client(served.address, admin.token)
        answers.append(client.start_case("orders", ORDER, idempotency_key="k")["case_id"])

    threads = [Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 8
    assert set(answers) == {admin.cases()["items"][0]["case_id"]}
    assert len(admin.cases()["items"]) == 1


def test_a_case_is_played_listed_and_its_journal_read(served: Served) -> None:
    admin, ann = served.client("admin", "admin"), served.client("ann", "participant", "clerk")
    admin.deploy(ORDERS)
    case_id = admin.start_case("orders", ORDER)["case_id"]
    served.drain()
    [item] = ann.items()["items"]
    ann.start(item["item_id"])
    ann.complete(item["item_id"], {"approved": False})
    served.drain()
    assert admin.case(case_id)["result"] == {"approved": False}
    assert [case["case_id"] for case in admin.cases(status="completed")["items"]] == [case_id]
    assert admin.items(case_id=case_id, state="completed")["items"][0]["applied"] is True
    assert next(admin.whole_journal(case_id))["event"]["type"] == "case.submitted"


def test_what_is_kept_beside_items_and_cases_is_neither(served: Served) -> None:
    admin = served.client("admin", "admin")
    admin.deploy(CALL)
    admin.start_case("call", {}, case_id="c1")
    served.drain()
    [call] = admin.items(case_id="c1", kind="automated")["items"]
    for path in (
        f"/work-items/{call['item_id']}",
        "/work-items/c1:99",
        "/cases/c1:journal",
        "/cases/c1:1",
        "/specifications/call:1/1",
        "/users/all",
    ):
        answered = requests.get(served.address + "/api/v1" + path, headers=bearer(admin), timeout=10)
        assert answered.status_code == 404, path
    answered = requests.post(
        f"{served.address}/api/v1/work-items/{call['item_id']}/cancel", headers=bearer(admin), timeout=10
    )
    assert answered.status_code == 404


@pytest.mark.parametrize(
    "cursor", ["MTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCB4", "LTEg", "MSAA", "bmFuIHg", "MV8wIHg"]
)
def test_a_cursor_of_ones_own_making_does_no_harm(served: Served, cursor: str) -> None:
    admin = served.client("admin", "admin")
    for path in ("cases", "work-items", "users", "specifications", "resources"):
        answered = requests.get(
            f"{served.address}/api/v1/{path}", params={"cursor": cursor}, headers=bearer(admin), timeout=10
        )
        assert answered.status_code in (200, 422), (path, answered.text)


def test_a_body_without_a_length_is_bounded_too(served: Served) -> None:
    admin = served.client("admin", "admin")
    for path, media_type in (("cases", "application/json"), ("specifications", "application/yaml")):
        answered = requests.post(
            f"{served.address}/api/v1/{path}",
            data=(b"#" * 65_536 for _ in range(64)),
            headers={**bearer(admin), "Content-Type": media_type},
            timeout=10,
        )
        assert (answered.status_code, answered.json()["code"]) == (413, "body_too_large")


def test_a_full_redis_is_said_so_and_reading_goes_on(served: Served, redis_client: "Redis") -> None:
    admin = served.client("admin", "admin")
    admin.deploy(ORDERS)
    case_id = admin.start_case("orders", ORDER)["case_id"]
    redis_client.config_set("maxmemory", redis_client.info("memory")["used_memory"] // 2)
    try:
        with pytest.raises(ApiProblem) as raised:
            admin.start_case("orders", ORDER)
        assert (raised.value.status, raised.value.code) == (503, "store_full")
        assert admin.case(case_id)["status"] == "submitted"
    finally:
        redis_client.config_set("maxmemory", 0)


def bearer(client: Client) -> dict[str, str]:
    return {"Authorization": f"Bearer {client.token}"}
