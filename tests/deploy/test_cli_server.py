"""The commands that talk to a server, against the application on a real socket with a worker beside it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest
from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from deploy import credentials
from deploy.cli import casewright
from deploy.commands import demo, stock, up
from deploy.commands.gallery import ORDER_FULFILMENT, example
from deploy.settings import VARIABLES, Settings
from tests.api.bench import CALL, ORDER, ORDERS, Bench, bench_of, settings_for
from tests.chaos.ports import free_port
from tests.local_connectors import allowing_this_machine
from workers.station import Station

PAUSE_S = 0.002
PATIENCE_S = 20.0
ORDER_JSON = json.dumps(ORDER)
FAILING = """
specification: failing
version: "1"
nets:
  main:
    start: say
    tasks:
      say:
        kind: automated
        connector: echo
        config: {fail: {kind: timeout, message: "no \\e[31manswer"}}
        next: end
"""


class Served:
    """An application with a worker, where it is reached, and its data dir."""

    def __init__(self, data_dir: Path) -> None:
        credentials.load_or_create(data_dir)
        self.data_dir = data_dir
        self.bench: Bench = bench_of(
            settings_for(data_dir, jwt_secret=None, connect_threads=2, connectors=allowing_this_machine(data_dir))
        )
        self._station = Station(self.bench.parts, makes_calls=True)
        self._server = make_server("127.0.0.1", 0, self.bench.app, threaded=True)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._over = Event()
        self._threads = [Thread(target=self._server.serve_forever, args=(0.05,)), Thread(target=self._work)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()
        self._station.stop()

    def _work(self) -> None:
        while not self._over.wait(PAUSE_S):
            for shard in range(self.bench.parts.store.shards):
                self._station.drain(shard)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for all tests of this file: their cases have names of their own."""
    served = Served(tmp_path_factory.mktemp("served"))
    for text in (ORDERS, CALL, FAILING):
        assert served.bench.admin.deploy(text).status_code == 201
    served.bench.user("ann", "participant", roles=("clerk",))
    yield served
    served.close()


@pytest.fixture(autouse=True)
def environment(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "CASEWRIGHT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CASEWRIGHT_URL", served.url)
    monkeypatch.setenv("CASEWRIGHT_DATA_DIR", str(served.data_dir))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(casewright, arguments)


def told(*arguments: str) -> Any:
    """What a command that succeeds prints as JSON."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def wait_until(fact: Callable[[], bool]) -> None:
    until = monotonic() + PATIENCE_S
    while not fact():
        assert monotonic() < until, "it did not happen in time"
        sleep(PAUSE_S)


@pytest.fixture
def item(request: pytest.FixtureRequest) -> str:
    """An item that is offered to ann, of a case named after the test."""
    case_id = request.node.name[:60]
    assert run("start", "orders", "--data", ORDER_JSON, "--case-id", case_id).exit_code == 0
    wait_until(lambda: bool(told("items", "--case", case_id)["items"]))
    return f"{case_id}:1"


# -- specifications ----------------------------------------------------------------------------------------------------


def test_a_specification_is_deployed_and_again_without_effect(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(ORDERS.replace("specification: orders", "specification: mine"))
    for _ in range(2):
        result = run("deploy", str(file))
        assert (result.exit_code, result.stdout) == (0, "mine version 1 is deployed\n")
    file.write_text(file.read_text().replace("title: Orders", "title: Other"))
    assert "(version_exists)" in run("deploy", str(file)).stderr


def test_what_is_warned_of_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "warned.json"
    task = {"kind": "human", "offer": {"roles": ["astronaut"]}, "next": "end"}
    main = {"start": "fly", "tasks": {"fly": task}}
    file.write_text(json.dumps({"specification": "warned", "version": "1", "nets": {"main": main}}))
    assert "warning: nets.main.tasks.fly.offer: nobody has the role astronaut" in run("deploy", str(file)).stdout


def test_errors_of_a_specification_stand_at_their_places_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(ORDERS.replace("next: end", "next: edn").replace('"$.approved"', '"$["'))
    result = run("deploy", str(file))
    assert result.exit_code == 1
    summary, *errors = result.stderr.splitlines()
    assert summary == f"casewright: the specification has {len(errors)} errors"
    assert all(error.startswith(f"  {file}:") for error in errors)


# -- cases -------------------------------------------------------------------------------------------------------------


def test_a_case_is_started_and_shown() -> None:
    result = run("start", "orders", "--data", ORDER_JSON, "--case-id", "shown")
    assert (result.exit_code, result.stdout) == (0, "case shown is submitted\n")
    lines = run("case", "shown").stdout.splitlines()
    assert lines[0].startswith("case shown of orders version 1: ")
    assert '        "id": "o-1"' in lines
    assert told("case", "shown")["specification"] == "orders"


def test_waiting_ends_with_how_the_case_stands() -> None:
    result = run("start", "call", "--wait")
    assert result.exit_code == 0, result.stderr
    assert ": completed" in result.stdout.splitlines()[0]
    assert told("start", "call", "--wait")["status"] == "completed"


def test_a_case_that_ends_otherwise_has_an_exit_code_of_its_own() -> None:
    result = run("start", "failing", "--wait")
    assert result.exit_code == 5
    assert result.stderr.endswith("is failed\n")
    assert "connector_failed at say: " in result.stdout
    assert "\x1b" not in result.stdout, "what others wrote does not steer the terminal"


def test_waiting_has_a_bound_with_an_exit_code_of_its_own(item: str) -> None:
    case_id = item.partition(":")[0]
    result = run("start", "orders", "--data", ORDER_JSON, "--case-id", f"{case_id}-2", "--wait", "--timeout", "0")
    assert result.exit_code == 4
    assert "after 0 s" in result.stderr


def test_what_happened_in_a_case_is_shown(item: str) -> None:
    run("claim", item, "--user", "ann")
    lines = run("case", item.partition(":")[0], "--journal").stdout.splitlines()
    journal = lines[lines.index("  journal") + 1 :]
    assert "case.submitted    by admin; enabled approve" in journal[0]
    assert journal[-1].endswith(f"item.moved        claim {item}; by ann")
    assert len(told("case", item.partition(":")[0], "--journal")["journal"]) == len(journal)


def test_cases_are_listed_page_by_page() -> None:
    for n in range(3):
        run("start", "orders", "--data", ORDER_JSON, "--case-id", f"listed-{n}")
    page = told("cases", "--specification", "orders", "--limit", "2")
    assert len(page["items"]) == 2
    lines = run("cases", "--limit", "2").stdout.splitlines()
    assert lines[0].split() == ["CASE", "SPECIFICATION", "STATUS", "CREATED"]
    assert lines[-1] == f"(more: --cursor {told('cases', '--limit', '2')['next']})"
    following = told("cases", "--limit", "2", "--cursor", page["next"])
    assert {each["case_id"] for each in page["items"]}.isdisjoint(each["case_id"] for each in following["items"])


def test_a_case_is_cancelled_once(item: str) -> None:
    case_id = item.partition(":")[0]
    assert run("cancel", case_id, "--reason", "a test").stdout == f"case {case_id} is being cancelled\n"
    wait_until(lambda: bool(told("case", case_id)["status"] == "cancelled"))
    result = run("cancel", case_id)
    assert (result.exit_code, result.stderr) == (1, f"casewright: case {case_id} is cancelled (case_ended)\n")


def test_what_is_wrong_with_the_data_is_said_with_its_places() -> None:
    result = run("start", "orders", "--data", '{"order": {"id": 1}, "note": 2}')
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "casewright: the data does not fit orders version 1 (invalid_case_data)",
        '  $.data.order.id: 1 is not of type "string"',
        '  $.data.note: 2 is not of type "string"',
    ]


def test_what_is_not_there_is_one_line() -> None:
    for arguments in (("case", "nothing"), ("start", "nothing"), ("claim", "nothing:1")):
        result = run(*arguments)
        assert result.exit_code == 1
        assert result.stderr.startswith("casewright: no ")
        assert result.stderr.count("\n") == 1


# -- items -------------------------------------------------------------------------------------------------------------


def test_ones_own_items_are_listed(item: str) -> None:
    [row] = [line for line in run("items", "--user", "ann").stdout.splitlines() if line.startswith(item)]
    assert row.split()[:5] == [item, "orders", "approve", "offered", "ann"]
    assert item not in [each["item_id"] for each in told("items")["items"]]
    assert item in [each["item_id"] for each in told("items", "--resource", "*", "--limit", "500")["items"]]


def test_an_item_is_claimed_started_and_completed_by_its_owner(item: str) -> None:
    assert run("claim", item, "--user", "ann").stdout == f"item {item} (approve) of ann is allocated\n"
    assert run("start-item", item, "--user", "ann").stdout == f"item {item} (approve) of ann is started\n"
    output = ("--output", '{"approved": true}')
    done = run("complete", item, "--strict", "--user", "ann", *output)
    assert done.stdout == f"item {item} (approve) of ann is completed\n"


def test_a_case_is_shown_as_it_was(item: str) -> None:
    case_id = item.partition(":")[0]
    run("claim", item, "--user", "ann")
    before = told("replay", case_id, "--seq", "2")
    assert (before["seq"], before["items"][0]["state"]) == (2, "offered")
    assert told("replay", case_id, "--at", before["as_of"])["case_id"] == case_id
    shown = run("replay", case_id).stdout.splitlines()
    assert shown[0].startswith("after entry 3 of its journal, at ")
    assert shown[-1].split() == [item, "approve", "allocated", "ann"]
    assert run("replay", case_id, "--at", "2001-01-01T00:00:00Z").exit_code == 1


def test_an_item_is_put_aside_and_taken_up_again(item: str) -> None:
    run("claim", item, "--user", "ann")
    assert run("suspend-item", item, "--user", "ann").stdout == f"item {item} (approve) of ann is suspended\n"
    assert run("resume-item", item, "--user", "ann").stdout == f"item {item} (approve) of ann is allocated\n"


def test_completing_claims_and_starts_first(item: str) -> None:
    completed = told("complete", item, "--user", "ann", "--output", '{"approved": true}')
    assert (completed["state"], completed["owner"], completed["output"]) == ("completed", "ann", {"approved": True})


def test_completing_strictly_does_not(item: str) -> None:
    result = run("complete", item, "--user", "ann", "--strict", "--output", '{"approved": true}')
    assert result.exit_code == 1
    assert "(item_state_conflict)" in result.stderr
    assert told("items", "--case", item.partition(":")[0])["items"][0]["state"] == "offered"


def test_an_output_that_does_not_fit_leaves_the_item_started(item: str) -> None:
    result = run("complete", item, "--user", "ann")
    assert result.exit_code == 1
    assert '(invalid_output): $.output: "approved" is a required property' in result.stderr
    assert told("items", "--case", item.partition(":")[0])["items"][0]["state"] == "started"


def test_who_may_not_work_on_an_item_is_refused(item: str) -> None:
    result = run("complete", item)
    assert (result.exit_code, result.stderr) == (1, f"casewright: admin may not claim item {item} (not_your_item)\n")


# -- who one is --------------------------------------------------------------------------------------------------------


def test_a_token_that_is_given_is_used(served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CASEWRIGHT_DATA_DIR", str(tmp_path))
    refused = run("cases")
    assert refused.exit_code == 1
    assert "no token was given (--token, CASEWRIGHT_TOKEN), and none can be made: " in refused.stderr
    token = run("token", "--data-dir", str(served.data_dir)).stdout.strip()
    assert run("cases", "--token", token).exit_code == 0
    monkeypatch.setenv("CASEWRIGHT_TOKEN", token)
    assert run("cases").exit_code == 0


def test_a_token_that_grants_less_is_refused_more() -> None:
    token = run("token", "--access", "participant").stdout.strip()
    result = run("cases", "--token", token)
    assert result.exit_code == 1
    assert "(permission_missing)" in result.stderr


# -- the demo ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def demo_text(monkeypatch: pytest.MonkeyPatch) -> str:
    """The specification of the demo, with its stock service on a port that is free."""
    port = free_port()
    monkeypatch.setattr(stock, "PORT", port)
    # The address stands in the specification, so this is another one.
    text = example(ORDER_FULFILMENT).replace(":8090/", f":{port}/").replace('version: "1"', f'version: "{port}"')
    monkeypatch.setattr(demo, "example", lambda name: text)
    monkeypatch.setattr(demo, "PAUSE_S", 0.01)
    return text


@pytest.mark.usefixtures("demo_text")
def test_a_connector_is_configured_tried_out_listed_and_removed() -> None:
    made = run("connectors", "put", "sample", '{"connector": "echo", "limits": {"concurrency": 3}}')
    assert (made.exit_code, made.stdout) == (0, "connector sample is configured\n")
    shown = run("connectors", "show", "sample").stdout
    assert shown.startswith("sample: echo, api\n") and '"concurrency": 3' in shown
    [line] = [line for line in run("connectors", "list").stdout.splitlines() if line.startswith("sample ")]
    assert line.split() == ["sample", "echo", "api", "0", "0"]
    tried = run("connectors", "test", "sample", "--input", '{"sku": "chair"}')
    assert tried.stdout.startswith('{"sku": "chair"}\nin ')
    config = '{"fail": {"kind": "timeout", "message": "too slow"}}'
    failed = run("connectors", "test", "sample", "--config", config)
    assert (failed.exit_code, failed.stderr) == (5, "casewright: timeout: too slow\n")
    assert run("connectors", "remove", "sample").stdout == "connector sample is removed\n"
    assert "no connector sample (connector_not_found)" in run("connectors", "show", "sample").stderr


def test_a_connector_that_is_not_accepted_is_said_with_its_places() -> None:
    refused = run("connectors", "put", "sample", '{"connector": "http", "timeout": 5}')
    assert refused.exit_code == 1
    assert '$.timeout: unknown key (did you mean "timeout_s"?)' in refused.stderr


def test_every_order_of_the_demo_completes(served: Served) -> None:
    result = run("demo", "--orders", "5")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-1] == "5 of 5 orders completed"
    endings = sorted(line.partition("completed: ")[2].partition(",")[0] for line in lines if "  completed: " in line)
    assert endings == ["backordered", "refused", "shipped", "shipped", "shipped"]
    assert any("approve: claimed, started, completed with" in line for line in lines)
    users = [user.name for user in served.bench.parts.registry.users()]
    assert not any(name.startswith("demo-") for name in users), "its user goes when it is over"


@pytest.mark.usefixtures("demo_text")
def test_the_demo_prints_json() -> None:
    ended = told("demo", "--orders", "2")
    assert ended["completed"] == 2
    assert {order["status"] for order in ended["orders"]} == {"completed"}
    assert ended["orders"][0]["result"]["outcome"] == "shipped"


@pytest.mark.usefixtures("demo_text")
def test_a_clerk_who_is_known_keeps_what_is_known_of_him(served: Served) -> None:
    served.bench.admin.put("/api/v1/resources/clerk", {"name": "Cleo", "groups": ["day"], "available": False})
    assert run("demo", "--orders", "1").exit_code == 0
    clerk = served.bench.admin.get("/api/v1/resources/clerk").json
    assert (clerk["name"], clerk["roles"], clerk["groups"]) == ("Cleo", ["clerk"], ["day"])


def test_an_order_that_does_not_complete_fails_the_demo(demo_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = demo_text.replace("expect: [200]", "expect: [404]").replace('version: "', 'version: "x')
    monkeypatch.setattr(demo, "example", lambda name: text)
    result = run("demo", "--orders", "1")
    assert result.exit_code == 1
    assert "not every order completed: " in result.stderr
    assert "failed: connector_failed at check_stock: " in result.stderr


def test_up_deploys_the_demo_once_the_api_answers(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_stock_service", lambda data_dir: ())

    def run_up(settings: Settings, **options: Any) -> int:
        options["on_ready"]()
        return 0

    monkeypatch.setattr(up, "run_up", run_up)
    result = run("up", "--demo", "--port", str(served.port))
    assert result.exit_code == 0
    assert f"casewright demo --url {served.url} --data-dir {served.data_dir}" in result.stdout
    assert "order-fulfilment" in [each["id"] for each in served.bench.admin.get("/api/v1/specifications").json["items"]]


def test_a_demo_that_cannot_be_deployed_is_said_and_all_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_stock_service", lambda data_dir: ())

    def run_up(settings: Settings, **options: Any) -> int:
        options["on_ready"]()
        return 0

    monkeypatch.setattr(up, "run_up", run_up)
    result = run("up", "--demo", "--port", "1")
    assert result.exit_code == 0
    assert "does not answer" in result.stderr


# -- the organisation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "csv"])
def test_an_organisation_is_exported_to_a_file_and_imported_from_it(served: Served, tmp_path: Path, form: str) -> None:
    table = f"what,id,name,roles,parent\nparticipant,{form}-eve,Eve,{form}-buyer,\nrole,{form}-buyer,,,clerk\n"
    file = tmp_path / "staff.csv"
    file.write_text(table)
    assert run("resources", "import", str(file)).stdout == "imported 1 participants, 1 roles\n"
    exported = tmp_path / f"all.{form}"
    result = run("resources", "export", "--format", form, "--output", str(exported))
    assert (result.exit_code, result.stdout) == (0, f"written to {exported}\n")
    before = served.bench.parts.registry.organisation()
    served.bench.parts.registry.delete_participant(f"{form}-eve")
    assert run("resources", "import", str(exported)).exit_code == 0
    assert served.bench.parts.registry.organisation().participants == before.participants
    assert f"{form}-eve" in run("resources", "list").stdout


def test_a_file_that_is_no_organisation_is_refused_with_its_places(tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    file.write_text("what,id,available\nparticipant,eve,perhaps\n")
    result = run("resources", "import", str(file))
    assert result.exit_code == 1
    assert "line 2, available: must be true or false, not 'perhaps'" in result.stderr
    file.with_suffix(".json").write_text("[]")
    assert "must be a JSON object" in run("resources", "import", str(file.with_suffix(".json"))).stderr
    assert run("resources", "sync", str(file)).exit_code == 2
