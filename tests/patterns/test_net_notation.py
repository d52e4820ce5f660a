"""The notation of the tests here means the net that its table says."""

from engine.spec.model import Join, Kind, Split
from tests.net_notation import net


def test_a_sequence_runs_through_implicit_conditions() -> None:
    main = net("i -> A -> B! -> C* -> o").main
    assert [task.kind for task in main.tasks.values()] == [Kind.ROUTING, Kind.HUMAN, Kind.AUTOMATED]
    assert main.places == ("start", "end", "A>B", "B>C")


def test_a_group_splits_before_it_and_joins_behind_it() -> None:
    main = net("i -> A -> and(B -> C, D!) -> E -> o").main
    assert main.tasks["A"].split is Split.AND and main.tasks["E"].join is Join.AND
    assert main.tasks["E"].inputs == ("C>E", "D>E")


def test_an_xor_group_goes_by_the_variable_go_and_its_last_flow_is_the_default() -> None:
    main = net("i -> A -> xor(B, C) -> D -> o").main
    assert [flow.when and flow.when.source for flow in main.tasks["A"].flows] == ['go == "B"', None]
    assert main.tasks["D"].join is Join.XOR


def test_a_join_can_be_unlike_the_split_before_it() -> None:
    assert net("i -> A -> and(B, C) -> xor:D -> o").main.tasks["D"].join is Join.XOR


def test_small_letters_are_conditions_and_a_choice_takes_from_one_of_them() -> None:
    main = net("i -> A -> p -> choice(B!, C!) -> o").main
    assert [task.name for task in main.consumers["p"]] == ["B", "C"]


def test_a_name_means_the_same_element_wherever_it_stands() -> None:
    main = net("i -> A! -> B -> xor(A, o)").main
    assert main.tasks["A"].inputs == ("start", "B>A") and main.tasks["B"].flows[1].place == "end"
