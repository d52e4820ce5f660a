"""The file of a backup: any byte that differs is found, and where."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backup import blocks
from engine.backup.blocks import BLOCK_BYTES, BlockWriter, Damaged, records


def a_file(packed: list[bytes]) -> bytes:
    content = BytesIO()
    writer = BlockWriter(content.write)
    for each in packed:
        writer.record(each)
    writer.end()
    return content.getvalue()


THREE_BLOCKS = [bytes([n]) * (BLOCK_BYTES // 2 + 1) for n in range(5)]


@given(st.lists(st.binary(max_size=2_000), max_size=20))
def test_records_are_read_as_they_were_written(packed: list[bytes]) -> None:
    assert list(records(BytesIO(a_file(packed)))) == packed


def test_a_record_may_be_larger_than_a_block() -> None:
    packed = [b"a", bytes(BLOCK_BYTES * 3), b"b"]
    assert list(records(BytesIO(a_file(packed)))) == packed


def test_every_byte_that_is_changed_is_found() -> None:
    whole = a_file(THREE_BLOCKS)
    assert len(whole) < 2_000, "repeated bytes are packed well"
    for place in range(len(whole)):
        for bit in (0x01, 0x80):
            damaged = whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
            with pytest.raises(Damaged):
                list(records(BytesIO(damaged)))


def test_a_file_that_is_cut_off_anywhere_is_found() -> None:
    whole = a_file(THREE_BLOCKS)
    for length in range(len(whole)):
        with pytest.raises(Damaged):
            list(records(BytesIO(whole[:length])))


def test_what_was_added_to_a_file_is_found() -> None:
    with pytest.raises(Damaged, match="goes on after its end"):
        list(records(BytesIO(a_file([b"a"]) + b"\0")))


def test_a_block_that_was_left_out_is_found() -> None:
    whole = a_file(THREE_BLOCKS)
    first = blocks._HEADER.size + blocks.SUM_BYTES
    length = blocks._BLOCK.unpack_from(whole, first)[2]
    second = first + blocks._BLOCK.size + blocks.SUM_BYTES + length
    with pytest.raises(Damaged, match="block 0 is damaged: its head"):
        list(records(BytesIO(whole[:first] + whole[second:])))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cut off within the header: 28 bytes"),
        (b"PK\3\4" + bytes(100), "this is no backup"),
        (a_file([b"a"])[:40], "cut off within block 0"),
    ],
)
def test_the_message_says_what_is_wrong(content: bytes, said: str) -> None:
    with pytest.raises(Damaged, match=said):
        list(records(BytesIO(content)))
