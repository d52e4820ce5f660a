"""The client, against the application on a real socket."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import requests
from werkzeug.serving import make_server

from api.client import ApiProblem, ApiUnreachable, CaseStillRuns, Client
from api.passwords import hashed
from engine.store.registry import User
from tests.api.bench import CALL, CHOICE, ORDER, ORDERS, Bench, bench_of, settings_for


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, str]]:
    """An application, and where it is reached."""
    bench = bench_of(settings_for(tmp_path_factory.mktemp("client")))
    server = make_server("127.0.0.1", 0, bench.app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield bench, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def bench(served: tuple[Bench, str]) -> Bench:
    return served[0]


@pytest.fixture
def client(served: tuple[Bench, str]) -> Iterator[Client]:
    """A client of the administrator."""
    bench, address = served
    client = Client(address + "/", bench.token("admin", "admin"))
    for text in (ORDERS, CHOICE, CALL):
        client.deploy(text)
    yield client
    client.close()


@pytest.fixture
def ann(served: tuple[Bench, str]) -> Iterator[Client]:
    """A client of a clerk."""
    bench, address = served
    bench.user("ann", "participant", roles=("clerk",))
    client = Client(address, bench.token("ann", "participant"))
    yield client
    client.close()


def test_a_client_plays_a_case_from_its_start_to_its_end(bench: Bench, client: Client, ann: Client) -> None:
    case_id = client.start_case("orders", ORDER)["case_id"]
    bench.drain()
    [item] = ann.items(case_id=case_id)["items"]
    assert ann.accept_offer(item["item_id"])["owner"] == "ann"
    assert ann.start(item["item_id"])["state"] == "started"
    output = {"approved": True}
    assert ann.complete(item["item_id"], output, idempotency_key="k")["output"] == output
    assert ann.complete(item["item_id"], output, idempotency_key="k")["output"] == output
    bench.drain()
    assert client.wait_for_case(case_id, 1)["result"] == {"approved": True}
    journal = list(client.whole_journal(case_id))
    assert [entry["seq"] for entry in journal] == list(range(1, len(journal) + 1))
    assert journal == client.journal(case_id, limit=500)["items"]


def test_a_refusal_is_raised_with_its_document(client: Client) -> None:
    with pytest.raises(ApiProblem, match="422 invalid_case_data") as raised:
        client.start_case("orders", {})
    assert (raised.value.status, raised.value.code) == (422, "invalid_case_data")
    assert raised.value.errors == [{"path": "$.data.order", "message": "is required"}]
    assert raised.value.problem["correlation_id"]


def test_waiting_for_a_case_is_bounded(bench: Bench, client: Client) -> None:
    case_id = client.start_case("orders", ORDER, case_id="still")["case_id"]
    with pytest.raises(CaseStillRuns, match="case still is still submitted"):
        client.wait_for_case(case_id, 0.1)


def test_a_key_makes_starting_again_harmless(client: Client) -> None:
    first = client.start_case("orders", ORDER, version="1", idempotency_key="start-1")
    assert client.start_case("orders", ORDER, version="1", idempotency_key="start-1") == first


def test_many_cases_are_started_listed_and_cancelled(bench: Bench, client: Client) -> None:
    first, second = client.start_cases([{"specification": "orders", "data": ORDER}, {"specification": "nothing"}])
    assert second["code"] == "specification_not_found"
    page = client.cases(status="submitted", specification="orders", limit=1)
    assert len(page["items"]) == 1
    assert client.cancel_case(first["case_id"], "a test")["status"] == "submitted"
    bench.drain()
    assert client.case(first["case_id"])["status"] == "cancelled"


def test_an_administrator_moves_items_of_others(bench: Bench, client: Client, ann: Client) -> None:
    for name in ("adm1", "adm2", "adm3"):
        client.start_case("orders", ORDER, case_id=name)
    bench.drain()
    assert ann.reject_offer("adm1:1")["state"] == "created"
    assert client.offer("adm1:1", ["ann"])["offered_to"] == ["ann"]
    assert client.allocate("adm1:1", "ann")["owner"] == "ann"
    assert client.skip("adm1:1")["state"] == "skipped"
    assert client.cancel_item("adm2:1")["state"] == "cancelled"
    assert ann.claim("adm3:1")["state"] == "allocated"
    assert client.item("adm3:1")["owner"] == "ann"
    ann.start("adm3:1")
    assert ann.fail("adm3:1", "a test")["state"] == "failed"


def test_users_and_participants_are_administered(client: Client) -> None:
    assert client.put_user("zoe", ["auditor"], resource_id="z-1")["resource_id"] == "z-1"
    assert client.user("zoe")["access"] == ["auditor"]
    assert "zoe" in [user["username"] for user in client.users(limit=500)["items"]]
    client.delete_user("zoe")
    assert client.put_resource("zoe", {"roles": ["clerk"]})["roles"] == ["clerk"]
    assert client.resource("zoe")["id"] == "zoe"
    assert "zoe" in [person["id"] for person in client.resources()["items"]]
    client.delete_resource("zoe")


def test_specifications_are_administered(client: Client) -> None:
    text = ORDERS.replace("specification: orders", "specification: other")
    assert client.validate(text)["id"] == "other"
    assert client.deploy(text)["version"] == "1"
    assert client.specification("other", "1")["text"] == text
    client.retire("other", "1")
    assert {each["id"]: each["retired"] for each in client.specifications()["items"]}["other"] is True
    assert "nets" in client.specification_schema()["properties"]


def test_a_client_logs_in_refreshes_and_logs_out(bench: Bench, served: tuple[Bench, str]) -> None:
    bench.parts.registry.put_user(User("eve", hashed("correct horse"), ("auditor",)))
    eve = Client(served[1])
    tokens = eve.log_in("eve", "correct horse")
    eve.refresh(tokens["refresh_token"])
    assert eve.cases(limit=1)["items"] is not None
    eve.revoke(tokens["refresh_token"])
    eve.revoke()
    with pytest.raises(ApiProblem, match="token_revoked"):
        eve.cases()
    with pytest.raises(ApiProblem, match="token_revoked"):
        eve.refresh(tokens["refresh_token"])


def test_a_netrc_file_does_not_take_the_place_of_the_token(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert client.users()["items"]


def test_nobody_at_the_address_is_said_so() -> None:
    with pytest.raises(ApiUnreachable, match="http://127.0.0.1:1 does not answer"):
        Client("http://127.0.0.1:1").live()


def test_an_answer_that_is_no_problem_is_shown_as_its_text(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = requests.Response()
    answered.status_code, answered._content = 502, b"<html>bad gateway</html>"
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answered)
    with pytest.raises(ApiProblem, match="502 : <html>bad gateway</html>"):
        client.live()


def test_the_client_needs_no_flask() -> None:
    code = "import sys, api.client; sys.exit('flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_health_is_asked_without_a_token(served: tuple[Bench, str]) -> None:
    client = Client(served[1])
    assert client.live() == {"status": "live"}
    assert client.ready()["status"] == "ready"


def test_a_request_that_is_sent_again_is_done_once(bench: Bench, client: Client, ann: Client) -> None:
    case_id = client.start_case("orders", ORDER)["case_id"]
    bench.drain()
    item = client.wait_for_item(case_id, "approve", timeout_s=5)["item_id"]
    first = ann.once("k-1").claim(item)
    ann.start(item)
    assert ann.once("k-1").claim(item) == first
    with pytest.raises(ApiProblem, match="item_state_conflict"):
        ann.claim(item)


def test_a_change_is_made_only_of_what_was_shown(client: Client) -> None:
    client.put_user("zoe", ["auditor"])
    client.user("zoe")
    shown = client.etag
    assert shown is not None
    client.if_unchanged(shown).put_user("zoe", ["operator"])
    with pytest.raises(ApiProblem, match="precondition_failed"):
        client.if_unchanged(shown).delete_user("zoe")
    assert client.user("zoe")["access"] == ["operator"]


def test_an_item_that_does_not_come_is_waited_for_no_longer_than_asked(bench: Bench, client: Client) -> None:
    case_id = client.start_case("orders", ORDER)["case_id"]
    with pytest.raises(CaseStillRuns):
        client.wait_for_item(case_id, "approve", timeout_s=0)
