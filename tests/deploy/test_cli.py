"""The command line without a server: help, usage, exit codes, `validate`, `token`, and what `up` starts."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import click
import jwt
import pytest
from click.testing import CliRunner, Result

from deploy import credentials
from deploy.cli import COMMANDS, casewright
from deploy.commands import stock, up
from deploy.commands.gallery import ORDER_FULFILMENT, example
from deploy.commands.output import Refused
from deploy.processes import ProcessTree
from deploy.settings import VARIABLES, Settings
from tests.chaos.ports import free_port

BROKEN = """specification: broken
version: "1"
nets:
  main:
    start: pick
    tasks:
      pick: {kind: human, next: shp}
      ship: {kind: rooting, next: end}
"""
UNNAMED = """specification: unnamed
version: "1"
nets: {main: {start: pick, tasks: {pick: {kind: human, next: pikc}, pack: {kind: human, next: endd}}}}
"""
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*VARIABLES, "CASEWRIGHT_URL", "CASEWRIGHT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CASEWRIGHT_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data dir with its secrets."""
    credentials.load_or_create(tmp_path / "data")
    return tmp_path / "data"


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(casewright, arguments, input=stdin)


# -- help and usage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_command_says_what_it_does_with_an_example(command: click.Command) -> None:
    result = run(str(command.name), "--help")
    assert result.exit_code == 0
    assert f"\n    casewright {command.name}" in result.stdout or f"casewright {command.name})" in result.stdout


def test_the_help_tells_the_exit_codes() -> None:
    assert "5 the case ended, but not completed" in run("--help").stdout.replace("\n  ", " ")


def test_an_unknown_option_is_wrong_usage() -> None:
    assert run("cases", "--colour").exit_code == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{", "what is given is not JSON"),
        ("", "what is given is not JSON: nothing"),
        ("[1]", "a JSON object is needed"),
        ("null", "a JSON object is needed"),
        ('{"n": NaN}', "NaN is no JSON value"),
        ("@missing.json", "missing.json cannot be read: No such file or directory"),
    ],
)
def test_data_that_is_no_json_object_is_wrong_usage(data: str, said: str) -> None:
    result = run("start", "orders", "--data", data)
    assert result.exit_code == 2
    assert said in result.stderr


def test_data_can_come_from_standard_input() -> None:
    result = run("start", "orders", "--data", "-", stdin="[]")
    assert "a JSON object is needed" in result.stderr


def test_an_address_that_is_none_is_wrong_usage() -> None:
    result = run("cases", "--url", "localhost:8080")
    assert result.exit_code == 2
    assert "'localhost:8080' is no address such as http://127.0.0.1:8080" in result.stderr


def test_settings_that_are_not_accepted_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEWRIGHT_PORT", "many")
    result = run("token")
    assert result.exit_code == 2
    assert result.stderr == (
        "casewright: the settings are not accepted: "
        "CASEWRIGHT_PORT=many is not accepted: it takes a whole number from 1 to 65535\n"
    )


def test_connectors_that_are_not_accepted_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place, specification = tmp_path / "connectors.yaml", tmp_path / "any.yaml"
    place.write_text("http: {allwo: [10.0.0.0/8]}\n")
    specification.write_text("specification: any\n")
    monkeypatch.setenv("CASEWRIGHT_CONNECTORS", str(place))
    result = run("validate", str(specification))
    assert result.exit_code == 2
    said = f'{place}: http.allwo: unknown key (did you mean "allow"?)'
    assert result.stderr == f"casewright: the connectors are not accepted: {said}\n"


@pytest.mark.usefixtures("data_dir")
def test_a_server_that_does_not_answer_is_said_with_a_code_of_its_own() -> None:
    result = run("cases", "--url", NOBODY)
    assert result.exit_code == 3
    assert result.stderr.startswith("casewright: http://127.0.0.1:1 does not answer (Connection refused): ")
    assert result.stderr.count("\n") == 1


def test_a_server_that_does_not_answer_is_said_also_where_there_is_no_token() -> None:
    assert run("cases", "--url", NOBODY).exit_code == 3


def test_the_installed_script_finds_its_libraries_and_not_the_scripts_beside_it() -> None:
    script = Path(sys.executable).parent / "casewright"
    if not script.exists():
        pytest.skip("the package is not installed")
    argv = [sys.executable, str(script), "validate", "-"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(argv, input=example(ORDER_FULFILMENT), env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("order-fulfilment version 1 is valid\n", "")


# -- validate ----------------------------------------------------------------------------------------------------------


def test_the_example_that_ships_is_valid() -> None:
    result = run("validate", "-", stdin=example(ORDER_FULFILMENT))
    assert (result.exit_code, result.stdout) == (0, "order-fulfilment version 1 is valid\n")


def test_everything_that_is_wrong_is_said_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "unnamed.yaml"
    file.write_text(UNNAMED)
    result = run("validate", str(file))
    assert result.exit_code == 1
    *places, summary = result.stderr.splitlines()
    assert summary == f"casewright: the specification has {len(places)} errors"
    assert len(places) >= 2
    assert all(place.startswith(f"{file}:3:") for place in places)


def test_what_is_wrong_is_said_as_json_too() -> None:
    result = run("validate", "-", "--json", stdin=BROKEN)
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["valid"] is False
    assert (told["errors"][0]["line"], told["errors"][0]["path"]) == (8, "nets.main.tasks.ship.kind")


def test_a_valid_specification_is_said_as_json_too() -> None:
    told = json.loads(run("validate", "-", "--json", stdin=example(ORDER_FULFILMENT)).stdout)
    assert told == {
        "valid": True,
        "id": "order-fulfilment",
        "version": "1",
        "title": "Order fulfilment",
        "warnings": [],
    }


def test_an_unknown_connector_is_an_error() -> None:
    text = example(ORDER_FULFILMENT).replace("connector: http", "connector: htpp")
    assert 'there is no connector "htpp" (did you mean "http"?)' in run("validate", "-", stdin=text).stderr


def test_half_a_character_in_a_specification_is_an_error() -> None:
    text = '{"specification": "a", "version": "1", "title": "\\ud800", "nets": {"main": {"start": "end"}}}'
    assert run("validate", "-", stdin=text).exit_code == 1


def test_a_file_that_is_not_text_is_refused() -> None:
    result = run("validate", "-", stdin=b"\xff\xfe")
    assert (result.exit_code, result.stderr) == (1, "casewright: <stdin> is not UTF-8 (byte 0)\n")


def test_a_file_that_is_not_there_is_wrong_usage() -> None:
    assert run("validate", "missing.yaml").exit_code == 2


# -- token -------------------------------------------------------------------------------------------------------------


def test_a_token_is_signed_with_the_secret_of_the_data_dir(data_dir: Path) -> None:
    present = credentials.load(data_dir)
    assert present is not None
    result = run("token", "--user", "ann", "--lifetime", "60")
    claims: dict[str, Any] = jwt.decode(result.stdout.strip(), present.jwt_secret, algorithms=["HS256"])
    assert (claims["sub"], claims["resource"], claims["type"]) == ("ann", "ann", "access")
    assert claims["exp"] - claims["iat"] == 60
    assert "admin" in claims["access"]


@pytest.mark.usefixtures("data_dir")
def test_a_token_can_grant_less() -> None:
    told = json.loads(run("token", "--access", "auditor", "--access", "service", "--json").stdout)
    claims = jwt.decode(told["access_token"], options={"verify_signature": False})
    assert claims["access"] == ["auditor", "service"]
    assert (told["user"], told["expires_in"]) == ("admin", 3600)


def test_a_token_needs_a_secret(tmp_path: Path) -> None:
    result = run("token", "--data-dir", str(tmp_path / "elsewhere"))
    assert result.exit_code == 1
    assert result.stderr.startswith("casewright: there is no JWT secret: ")


def test_a_secret_that_others_may_read_signs_nothing(data_dir: Path) -> None:
    (data_dir / credentials.FILE_NAME).chmod(0o644)
    assert "may be read by other users (mode 0644): chmod 600 it" in run("token").stderr


# -- up ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, dict[str, Any]]]:
    """What `up` would have run."""
    calls: list[tuple[Settings, dict[str, Any]]] = []

    def run_up(settings: Settings, **options: Any) -> int:
        calls.append((settings, options))
        return 0

    monkeypatch.setattr(up, "run_up", run_up)
    return calls


def test_options_win_over_the_environment(
    started: list[tuple[Settings, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CASEWRIGHT_PORT", "9000")
    monkeypatch.setenv("CASEWRIGHT_WORKERS", "3")
    run("up", "--port", "9001", "--data-dir", str(tmp_path), "--no-flower")
    [(settings, options)] = started
    assert (settings.port, settings.workers, settings.data_dir) == (9001, 3, tmp_path)
    assert options["flower"] is False
    assert options["external_redis"] is False
    assert options["on_ready"] is None
    assert options["extra"] == ()


def test_a_redis_that_is_named_is_used(
    started: list[tuple[Settings, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://example:6379/0")
    run("up")
    [(settings, options)] = started
    assert settings.redis_url == "redis://example:6379/0"
    assert options["external_redis"] is True


def test_the_exit_code_of_up_is_that_of_what_it_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "run_up", lambda settings, **options: 1)
    assert run("up").exit_code == 1


def test_up_starts_nothing_with_connectors_that_are_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = tmp_path / "connectors.yaml"
    wrong.write_text("stock: {connector: htpp}\nhttp: {timeout: 5}\n")
    monkeypatch.setenv("CASEWRIGHT_CONNECTORS", str(wrong))
    monkeypatch.setattr(up, "run_up", lambda settings, **options: pytest.fail("it was started"))
    refused = run("up", "--data-dir", str(tmp_path))
    assert refused.exit_code == 2
    assert "the connectors are not accepted" in refused.stderr
    assert f"{wrong}: stock.connector: " in refused.stderr and f"{wrong}: http.timeout: " in refused.stderr


def test_the_demo_brings_its_stock_service(
    started: list[tuple[Settings, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "PORT", free_port())
    run("up", "--demo")
    [(_, options)] = started
    assert [program.name for program in options["extra"]] == ["stock"]


# -- the stock service of the demo -------------------------------------------------------------------------------------


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Something else that listens where the stock service is asked."""
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(stock, "PORT", server.server_port)
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_stock_service_runs_as_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "PORT", free_port())
    with ProcessTree([[stock.program(tmp_path)]]).started():
        assert stock.answers()
    assert not stock.answers()


def test_the_stock_service_answers_for_as_long_as_a_demo_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "PORT", free_port())
    with stock.answering("http://localhost:8080"):
        assert stock.answers()
        with stock.answering("http://localhost:8080"):
            assert stock.answers(), "the one that is there already is used"
        assert stock.answers()
    assert not stock.answers()


def test_for_a_server_elsewhere_no_stock_service_is_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "PORT", free_port())
    with stock.answering("https://casewright.example"):
        assert not stock.answers()


@pytest.mark.usefixtures("stranger")
def test_something_else_in_the_place_of_the_stock_service_is_said() -> None:
    result = run("up", "--demo")
    assert result.exit_code == 1
    assert "where the demo's stock service is asked, cannot be opened" in result.stderr
    with pytest.raises(Refused, match="cannot be opened"), stock.answering("http://127.0.0.1:8080"):
        pass
