"""The simulation in the normal suite: some seeds, and whether it would find what it is there to find."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.simulation.campaign import campaign, seeds_until_found
from tests.simulation.faults import Fault
from tests.simulation.nets import SCENARIOS, checked
from tests.simulation.plan import Plan
from tests.simulation.planted import Plant
from tests.simulation.shrink import Shrinker
from tests.simulation.world import run

SEEDS = 150
ON_REDIS = 4
FOUND_WITHIN = {
    (Plant.UNFENCED, False): 200,
    (Plant.UNFENCED, True): 600,
    (Plant.SPLIT, False): 20,
    (Plant.SPLIT, True): 60,
    (Plant.HASTY, False): 20,
    (Plant.TORN, False): 60,
    (Plant.UNCOMPARED, False): 600,
}
"""By so many seeds a planted bug is found, also (True) if nothing is looked at but the end."""


@pytest.fixture(autouse=True)
def _on_one_core() -> Iterator[None]:
    """The actors of a world take turns: on one core a turn passes several times faster."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def test_no_seed_breaks_a_promise() -> None:
    tally = campaign(Plan(seed, on_redis=False) for seed in range(1, SEEDS + 1))
    assert not tally.failing, tally.failing[0].problem
    assert all(tally.faults[fault] for fault in Fault), "a kind of fault never struck"


def test_no_seed_on_the_redis_store_breaks_a_promise() -> None:
    tally = campaign(Plan(seed, on_redis=True) for seed in range(1, ON_REDIS + 1))
    assert not tally.failing, tally.failing[0].problem


@pytest.mark.parametrize(("plant", "blind"), FOUND_WITHIN)
def test_a_planted_bug_is_found(plant: Plant, blind: bool) -> None:
    found = seeds_until_found(Plan(1, on_redis=False, plant=plant, blind=blind), FOUND_WITHIN[plant, blind])
    assert found is not None


def test_a_failing_seed_gets_smaller_and_fails_in_the_same_way() -> None:
    found = seeds_until_found(Plan(1, on_redis=False, plant=Plant.SPLIT))
    assert found is not None
    small = Shrinker(found).shrink()
    assert small.promise == found.promise and small.trace
    assert small.plan.cases < found.plan.cases


def test_what_is_left_out_does_not_happen() -> None:
    plan = Plan(7, on_redis=False)
    dropped = frozenset(run(plan).fault_names)
    assert dropped and not dropped & set(run(replace(plan, dropped=dropped)).fault_names)


def test_without_faults_every_case_comes_to_its_end() -> None:
    ends: Counter[str] = Counter()
    for seed in range(1, 30):
        report = run(Plan(seed, on_redis=False, off=frozenset(Fault)))
        assert not report.promise and not report.faults, report.problem
        ends.update(report.ends)
    assert ends["completed"] > ends["failed"] + ends["deadlocked"]


@pytest.mark.parametrize("redis", [False, True])
def test_a_seed_does_the_same_each_time(redis: bool) -> None:
    plan = Plan(3, on_redis=redis)
    assert run(plan).digest == run(plan).digest


def test_seeds_do_the_same_in_another_process() -> None:
    here = campaign(Plan(seed) for seed in range(1, 11))
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "10", "--processes", "1"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    there = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert f"fingerprint {here.fingerprint:016x}" in there.stdout, there.stdout + there.stderr


def test_the_specifications_are_those_that_could_be_deployed() -> None:
    assert checked() == [scenario.name for scenario in SCENARIOS]
