"""`casewright play`: by a script, by chance, and by somebody who answers."""

import json
from pathlib import Path
from random import Random
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from deploy.cli import casewright
from deploy.commands.gallery import ORDER_FULFILMENT, example
from deploy.commands.samples import sample
from deploy.settings import VARIABLES
from tests.net_notation import net

ORDER = json.dumps({"order": {"id": "A-1", "customer": "Ann", "lines": [{"sku": "chair", "quantity": 2}]}})
IN_STOCK = 'check_stock={"body": {"available": 5, "warehouse": "south"}}'

Line = dict[str, Any]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def play(specification: str, *options: str, answers: str = "", script: list[Line] | None = None) -> Result:
    Path("played.yaml").write_text(specification)
    if script is not None:
        Path("script.jsonl").write_text("\n".join(json.dumps(line) for line in script) + "\n")
        options = (*options, "--script", "script.jsonl")
    return CliRunner().invoke(casewright, ["play", "played.yaml", *options], input=answers)


def play_net(notation: str, *options: str, answers: str = "", script: list[Line] | None = None) -> Result:
    return play(json.dumps(dict(net(notation).document)), *options, answers=answers, script=script)


def play_order(*options: str, answers: str = "", script: list[Line] | None = None) -> Result:
    return play(example(ORDER_FULFILMENT), "--data", ORDER, *options, answers=answers, script=script)


def steps(result: Result) -> list[Line]:
    return [json.loads(line) for line in result.stdout.splitlines()][:-1]


def end(result: Result) -> Line:
    last: Line = json.loads(result.stdout.splitlines()[-1])["end"]
    return last


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_every_step_is_a_line_and_the_end_another() -> None:
    result = play_net("i -> A! -> B -> o", script=[{"complete": "A"}])
    assert result.exit_code == 0, result.stderr
    assert steps(result) == [
        {"step": 0, "event": None, "fired": [], "enabled": ["A"], "executing": [], "marking": {"start": 1}},
        {"step": 1, "event": {"start": "A"}, "fired": ["A"], "enabled": [], "executing": ["A"], "marking": {}},
        {"step": 2, "event": {"complete": "A", "output": {}}, "fired": ["B"], "enabled": [], "executing": [],
         "marking": {}},
    ]  # fmt: skip
    assert end(result) == {
        "status": "completed",
        "data": {"go": None},
        "marking": {},
        "result": {},
        "failure": None,
    }


def test_a_started_task_withdraws_its_rivals() -> None:
    [first, second, *_] = steps(play_net("i -> choice(B!, C!) -> o", script=[{"start": "C"}]))
    assert first["enabled"] == ["B", "C"]
    assert (second["enabled"], second["executing"]) == ([], ["C"])


def test_a_case_that_does_not_complete_has_an_exit_code_of_its_own() -> None:
    cancelled = play_net("i -> A! -> o", script=[{"cancel": True}])
    assert (cancelled.exit_code, end(cancelled)["status"]) == (5, "cancelled")
    left = play_net("i -> A! -> o", script=[{"start": "A"}])
    assert (left.exit_code, end(left)["status"]) == (5, "running")


def test_a_deadlock_is_an_end_with_its_marking() -> None:
    result = play_net("i -> A! -> xor(B, C) -> and:D -> o", script=[{"complete": "A"}])
    assert result.exit_code == 5
    assert (end(result)["status"], end(result)["marking"]) == ("deadlocked", {"C>D": 1})


def test_why_a_case_failed_is_said() -> None:
    result = play_net("i -> A! -> o", script=[{"start": "A"}, {"fail": "A", "reason": "broken"}])
    assert result.exit_code == 5
    assert end(result)["failure"] == {"kind": "item_failed", "task": "A", "message": "broken"}
    assert "the case is failed: item_failed at A: broken" in result.stderr


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_specification_that_is_not_valid_is_not_played() -> None:
    result = play("specification: a\nversion: 1\nnets: {}\n")
    assert result.exit_code == 1
    assert "played.yaml:2:10 version: " in result.stderr


def test_input_that_does_not_fit_is_refused() -> None:
    result = play(example(ORDER_FULFILMENT), "--seed", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "(invalid_case_data): $.order: is required" in result.stderr


def test_input_that_no_case_can_hold_is_refused() -> None:
    assert "(invalid_value)" in play_net("i -> A -> o", "--data", '{"go": "\\ud800"}').stderr


def test_a_seed_and_a_script_exclude_each_other() -> None:
    assert play_net("i -> A -> o", "--seed", "1", script=[]).exit_code == 2


def test_nobody_is_asked_where_nothing_is_to_decide() -> None:
    assert play_net("i -> A -> B* -> o").exit_code == 0


def test_where_nobody_answers_the_play_ends_as_wrong_usage() -> None:
    result = play_net("i -> A! -> o")
    assert (result.exit_code, end(result)["status"]) == (2, "running")
    assert "give --seed or --script" in result.stderr


# -- scripts -----------------------------------------------------------------------------------------------------------


def test_a_script_plays_an_order_to_its_end() -> None:
    result = play_order(
        script=[
            {"fail": "check_stock", "kind": "timeout"},
            {"complete": "check_stock", "output": {"body": {"available": 5}}},
            {"start": "approve"},
            {"complete": "approve", "output": {"approved": True}},
            {"complete": "pick", "output": {"weight": 2.5}},
        ]
    )
    assert result.exit_code == 0, result.stderr
    assert end(result)["result"] == {"approved": True, "outcome": "shipped", "tracking": "PARCEL-A-1"}
    assert steps(result)[1]["executing"] == ["check_stock"], "it is repeated within its budget"


def test_the_events_of_a_play_are_a_script_that_plays_it_again() -> None:
    played = play_order("--seed", "3", "--answer", IN_STOCK)
    script = [line["event"] for line in steps(played) if line["event"] is not None]
    assert play_order(script=script).stdout == played.stdout


def test_a_line_about_a_task_that_does_not_wait_ends_the_play() -> None:
    result = play_net("i -> A! -> B! -> o", script=[{"complete": "B"}])
    assert (result.exit_code, end(result)["status"]) == (1, "running")
    assert "script.jsonl:1: there is no B to complete now; what waits: A" in result.stderr


def test_an_output_that_does_not_fit_ends_a_script() -> None:
    script = [{"complete": "approve", "output": {"approved": "perhaps"}}]
    result = play_order("--answer", IN_STOCK, script=script)
    assert result.exit_code == 1
    assert "(invalid_output): $.approved: " in result.stderr


@pytest.mark.parametrize(
    "line", ["[]", "{}", '{"complete": 3}', '{"complete": "A", "start": "A"}', '{"start": "A", "output": 1}', "{"]
)
def test_a_line_that_is_no_move_is_wrong_usage(line: str) -> None:
    Path("moves.jsonl").write_text(f"\n{line}\n")
    result = play_net("i -> A! -> o", "--script", "moves.jsonl")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "moves.jsonl:2 is n" in result.stderr


# -- calls -------------------------------------------------------------------------------------------------------------


def test_echo_is_really_called() -> None:
    [_, answered] = steps(play_net("i -> A* -> o"))
    assert answered["event"] == {"complete": "A", "output": {}}


def test_a_call_that_fails_is_repeated_within_its_budget() -> None:
    failing = {"fail": {"kind": "timeout", "message": "slow", "retryable": True, "times": 2}}
    document = {
        "specification": "flaky",
        "version": "1",
        "nets": {
            "main": {
                "start": "A",
                "tasks": {
                    "A": {"kind": "automated", "connector": "echo", "config": failing, "retry": {"attempts": 3},
                          "next": "end"}
                },
            }
        },
    }  # fmt: skip
    result = play(json.dumps(document))
    assert result.exit_code == 0
    assert ["fail" in line["event"] for line in steps(result)[1:]] == [True, True, False]


def test_answers_are_given_one_after_the_other_and_the_last_for_ever() -> None:
    empty = 'check_stock={"body": {"available": 0}}'
    result = play_order("--answer", empty, "--answer", IN_STOCK)
    assert (result.exit_code, end(result)["result"]["outcome"]) == (0, "backordered")


def test_an_answer_for_what_is_not_called_is_wrong_usage() -> None:
    result = play_order("--answer", "approve=1")
    assert result.exit_code == 2
    assert "approve is no automated task (there is backorder, check_stock, ship)" in result.stderr


def test_an_answer_without_a_task_is_wrong_usage() -> None:
    assert play_order("--answer", "{}").exit_code == 2


# -- chance ------------------------------------------------------------------------------------------------------------


def test_the_same_seed_plays_the_same_way() -> None:
    both = [play_order("--seed", "11", "--answer", IN_STOCK).stdout for _ in range(2)]
    assert both[0] == both[1]


def test_seeds_play_different_ways() -> None:
    orders = {play_net("i -> and(A!, B!, C!) -> and:D -> o", "--seed", str(seed)).stdout for seed in range(6)}
    assert len(orders) > 1


def test_chance_fills_in_forms() -> None:
    outcomes = {end(play_order("--seed", str(seed), "--answer", IN_STOCK))["result"]["outcome"] for seed in range(8)}
    assert outcomes == {"shipped", "refused"}


def test_a_call_that_chance_cannot_make_is_answered_with_null() -> None:
    result = play_order("--seed", "1")
    assert steps(result)[1]["event"] == {"complete": "check_stock", "output": None}


def test_a_form_that_chance_cannot_fill_in_ends_the_play() -> None:
    text = example(ORDER_FULFILMENT).replace("note: {type: string, title: Note}", "note: {type: string, pattern: ^X9}")
    result = play(text, "--data", ORDER, "--seed", "1", "--answer", IN_STOCK)
    assert (result.exit_code, end(result)["status"]) == (1, "running")
    assert "(invalid_output)" in result.stderr


def test_a_play_without_end_is_stopped() -> None:
    result = play_net("i -> A! -> xor(o, A)", "--seed", "1", "--steps", "20")
    assert (result.exit_code, steps(result)[-1]["step"]) == (5, 20)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "boolean"},
        {"type": "integer", "minimum": 3, "maximum": 4},
        {"type": "integer", "exclusiveMaximum": -2},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "minLength": 7, "maxLength": 9},
        {"type": ["string", "null"], "maxLength": 3},
        {"enum": ["a", 1, None]},
        {"const": {"x": 1}},
        {"type": "array", "items": {"$ref": "#/schemas/Line"}, "minItems": 2},
        {"type": "object", "required": ["other"], "properties": {"line": {"$ref": "#/schemas/Line"}}},
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        {"type": "null"},
        True,
    ],
)
def test_what_chance_makes_fits_the_simple_schemas(schema: Any) -> None:
    schemas = {"Line": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}}}
    whole = {**schema, "schemas": schemas} if isinstance(schema, dict) else schema
    for seed in range(20):
        assert jsonschema_rs.is_valid(whole, sample(schema, schemas, Random(seed)))


def test_a_schema_that_refers_to_itself_is_followed_only_so_far() -> None:
    schemas = {"Tree": {"type": "object", "properties": {"left": {"$ref": "#/schemas/Tree"}}}}
    assert isinstance(sample({"$ref": "#/schemas/Tree"}, schemas, Random(1)), dict)


# -- somebody who answers ----------------------------------------------------------------------------------------------


def test_somebody_plays_an_order_by_answering() -> None:
    told = ["check_stock", '{"body": {"available": 5}}', "start 1", "approve", '{"approved": true}', "1"]
    result = play_order(answers="\n".join([*told, '{"weight": 1}', ""]))
    assert result.exit_code == 0, result.stderr
    assert end(result)["result"]["outcome"] == "shipped"
    assert all(line.startswith("{") for line in result.stdout.splitlines()), "questions are asked on stderr"
    assert '"required": ["approved"]' in result.stderr, "the form is shown, not where it stands"


def test_what_is_refused_is_asked_again() -> None:
    told = ["what?", "7", "start", "1", "{", '{"approved": 1}', "1", '{"approved": false}']
    result = play_order("--answer", IN_STOCK, answers="\n".join([*told, ""]))
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("that is none of them") == 3
    assert "that is not JSON" in result.stderr
    assert "(invalid_output)" in result.stderr


def test_somebody_fails_an_item_cancels_and_quits() -> None:
    assert end(play_net("i -> A! -> o", answers="start A\nfail A\ntoo heavy\n"))["failure"]["message"] == "too heavy"
    assert end(play_net("i -> A! -> o", answers="cancel\n"))["status"] == "cancelled"
    assert end(play_net("i -> A! -> o", answers="quit\n"))["status"] == "running"
