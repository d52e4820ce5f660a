"""Chunks: which calls are divided, and when a chunk is over."""

from engine.effects import Call
from workers.chunks import CHUNK, FEWEST, Chunk, Numbers, divided


def a_call(number: int, task: str = "each", instance: int | None = 0) -> Call:
    return Call(f"case:{number}", task, "echo", {}, {}, 30.0, 1, 1, instance=instance)


def test_the_calls_of_a_large_task_are_divided_and_others_are_left() -> None:
    large = [a_call(number) for number in range(1, FEWEST + 2)]
    single = [a_call(FEWEST + 5, "one", None)]
    small = [a_call(FEWEST + 10 + number, "few") for number in range(FEWEST - 1)]
    [chunks], rest = divided([*single, *large, *small])
    assert [item for chunk in chunks for item in chunk.items] == [call.item for call in large]
    assert {(chunk.case_id, chunk.connector) for chunk in chunks} == {("case", "echo")}
    assert [len(chunk.numbers) for chunk in chunks] == [CHUNK] * (FEWEST // CHUNK) + [1]
    assert rest == [*single, *small]


def test_a_chunk_gives_its_items_in_order_and_is_over_once() -> None:
    over: list[bool] = []
    chunk = Chunk(3, Numbers("case", "echo", (5, 6, 7)), lambda: over.append(True))
    assert chunk.next(2) == ["case:5", "case:6"]
    chunk.settle(["case:5", "case:6"])
    assert over == []
    assert chunk.next(2) == ["case:7"]
    assert chunk.is_taken
    chunk.settle(["case:7"])
    chunk.settle(["case:7"])
    assert over == [True]
