"""The sample of mutants: read from what mutmut writes, repeatable, and counted without favour."""

from tests.mutation.__main__ import MOST_MUTANTS, chosen, share_killed, states

NAMES = [f"engine.net.joins.x_enabled__mutmut_{n}" for n in range(2 * MOST_MUTANTS)]


def test_a_seed_chooses_the_same_mutants_in_whatever_order_they_are_listed() -> None:
    assert chosen(NAMES, 20, seed=1) == chosen(reversed(NAMES), 20, seed=1) != chosen(NAMES, 20, seed=2)


def test_a_smaller_sample_is_the_beginning_of_a_larger_one_and_none_is_above_the_bound() -> None:
    assert chosen(NAMES, 20, seed=1) == chosen(NAMES, 10 * MOST_MUTANTS, seed=1)[:20]
    assert len(set(chosen(NAMES, 10 * MOST_MUTANTS, seed=1))) == MOST_MUTANTS


def test_the_state_of_a_mutant_is_read_from_its_line() -> None:
    assert states("    a.x_f__mutmut_1: killed\n\n    a.x_f__mutmut_2: no tests\n") == {
        "a.x_f__mutmut_1": "killed",
        "a.x_f__mutmut_2": "no tests",
    }


def test_what_no_test_reaches_counts_as_a_survivor() -> None:
    assert share_killed({"a": "killed", "b": "timeout", "c": "survived", "d": "no tests"}) == 0.5
