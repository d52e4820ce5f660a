import logging
from typing import Any

import pytest

from connectors.function import FunctionConnector
from connectors.port import Failed, Outcome
from tests.connectors.calls import call_request, failure_of, output_of

SAMPLE = "tests.connectors.sample_functions"


def called(name: str, input: dict[str, Any] | None = None, allowed: str = f"{SAMPLE}:*") -> Outcome:
    function = name if ":" in name else f"{SAMPLE}:{name}"
    return FunctionConnector([allowed]).call(call_request("function", {"function": function}, input))


def test_the_input_becomes_the_arguments_and_the_result_the_output() -> None:
    assert output_of(called("add", {"a": 1, "b": 2})) == 3


def test_any_json_is_a_result() -> None:
    assert output_of(called("give", {"what": "json"})) == {"a": [1, 2.5, "x", None, True]}


@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("nan", "$ is nan"),
        ("decimal", "$ is a Decimal"),
        ("set", "$ is a set"),
        ("tuple", "$ is a tuple"),
        ("bytes", "$ is a bytes"),
        ("keys", "$ has the key 1"),
        ("nested", "$.a[0].b is a Decimal"),
        ("cycle", "too deep"),
        ("half", "half a surrogate pair"),
    ],
)
def test_a_result_that_is_not_json_is_a_bad_response(what: str, where: str) -> None:
    failure = failure_of(called("give", {"what": what}))
    assert (failure.kind, failure.retryable) == ("bad_response", False)
    assert where in failure.message


def test_a_function_that_raises_fails_for_good(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        outcome = called("fail", {"text": "gone"})
    assert outcome == Failed("raised", "LookupError: gone", retryable=False)
    assert "Traceback" in caplog.text


def test_arguments_that_do_not_fit_fail_for_good() -> None:
    assert failure_of(called("add", {"a": 1})).message.startswith("TypeError: add() missing")


@pytest.mark.parametrize("name", ["_private", "os:system", f"{SAMPLE}.inner:add", "sample:add"])
def test_what_is_not_allowed_is_refused(name: str) -> None:
    failure = failure_of(called(name))
    assert (failure.kind, failure.retryable) == ("refused", False)


def test_an_exact_name_allows_nothing_else() -> None:
    assert output_of(called("add", {"a": 1, "b": 2}, allowed=f"{SAMPLE}:add")) == 3
    assert failure_of(called("give", allowed=f"{SAMPLE}:add")).kind == "refused"


def test_allowing_a_module_does_not_allow_what_it_imports() -> None:
    assert failure_of(called("imported", {"p": "/a/b"})).kind == "bad_config"
    assert output_of(called("imported", {"p": "/a/b"}, allowed=f"{SAMPLE}:imported")) == "b"


@pytest.mark.parametrize("name", [f"{SAMPLE}:absent", f"{SAMPLE}:NOT_A_FUNCTION", "no.such.module:f"])
def test_a_function_that_is_not_there_is_a_bad_config(name: str) -> None:
    failure = failure_of(called(name, allowed=f"{name.partition(':')[0]}:*"))
    assert (failure.kind, failure.retryable) == ("bad_config", False)


@pytest.mark.parametrize("name", ["f", "m:", ":f", "m:f()", "m/x:f", "m:f:g", "m..n:f", "m:f\n"])
def test_a_name_of_another_form_is_a_problem(name: str) -> None:
    assert len(FunctionConnector(["m:*"]).check_config({"function": name})) == 1
    with pytest.raises(ValueError, match="neither"):
        FunctionConnector([name])


def test_a_function_that_is_not_allowed_is_a_problem_when_deployed() -> None:
    [problem] = FunctionConnector(["m:f"]).check_config({"function": "m:g"})
    assert problem.path == ("function",)
