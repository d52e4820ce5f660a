from typing import Any

import pytest

from connectors.echo import EchoConnector
from connectors.port import Failed
from tests.connectors.calls import call_request, failure_of, output_of


def test_an_echo_is_its_input() -> None:
    assert output_of(EchoConnector().call(call_request("echo", {}, {"a": [1, None]}))) == {"a": [1, None]}


def test_an_echo_may_take_its_time() -> None:
    slept: list[float] = []
    output_of(EchoConnector(slept.append).call(call_request("echo", {"delay_s": 2.5})))
    assert slept == [2.5]


def test_an_echo_that_takes_too_long_times_out_in_time() -> None:
    slept: list[float] = []
    failure = failure_of(EchoConnector(slept.append).call(call_request("echo", {"delay_s": 60}, timeout_s=5)))
    assert (failure.kind, failure.retryable, slept) == ("timeout", True, [5])


def test_an_echo_fails_as_often_as_it_is_told() -> None:
    config = {"fail": {"kind": "http_503", "message": "busy", "retryable": True, "times": 2}}
    outcomes = [EchoConnector().call(call_request("echo", config, attempt=attempt)) for attempt in (1, 2, 3)]
    assert outcomes[:2] == [Failed("http_503", "busy", True)] * 2
    assert output_of(outcomes[2]) == {}


def test_an_echo_that_fails_fails_always_unless_it_is_told_how_often() -> None:
    assert failure_of(EchoConnector().call(call_request("echo", {"fail": {"kind": "lost"}}, attempt=99))).retryable


@pytest.mark.parametrize(
    "config",
    [
        {"delay_s": -1},
        {"delay_s": 61},
        {"delay_s": True},
        {"delay_s": {"secret": "A"}},
        {"fail": {}},
        {"fail": {"kind": "odd"}},
        {"fail": {"kind": "lost", "times": 0}},
        {"fail": {"kind": "lost", "times": 1.5}},
        {"fail": {"kind": "lost", "retryable": "no"}},
        {"fail": [1]},
    ],
)
def test_a_config_out_of_bounds_is_a_problem(config: dict[str, Any]) -> None:
    assert len(EchoConnector().check_config(config)) == 1


def test_a_misspelt_key_is_told_its_neighbour() -> None:
    [problem] = EchoConnector().check_config({"delays_s": 1})
    assert 'did you mean "delay_s"?' in problem.message
