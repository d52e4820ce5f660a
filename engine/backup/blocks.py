"""The file: blocks of records, compressed, each with its sum, and a sum of the whole at the end.

    offset 0   8 bytes   CWBACKUP
               u16       version of the format, 1
               u16       0, kept free
               16 bytes  sum of the 12 bytes before
    then blocks, each:
               1 byte    B: a block of records; E: the end
               u32       number of the block, from 0
               u32       length of what follows the sum
               u32       length of it when it is not compressed
               16 bytes  sum of these 13 bytes and of what follows
               ...       records, compressed by Zstandard
    a record:  u32 and so many bytes: MessagePack
    the end:   E, number of the blocks before, 32, 32, its sum, then 32 bytes: sum of everything before the end

All numbers are big-endian; sums are BLAKE2b. Any byte that differs is found, and the message says in which block. The
memory that reading and writing take is that of one block: about a mebibyte, or one record where that is larger.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from struct import Struct
from typing import Final, Protocol

from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError

MAGIC: Final = b"CWBACKUP"
VERSION: Final = 1
BLOCK_BYTES: Final = 1024 * 1024
"""From so many bytes of records on a block is written."""

LARGEST_BLOCK: Final = 2**31
"""A length beyond this is damage, not a block: nothing so large is written."""

LEVEL: Final = 3
SUM_BYTES: Final = 16
WHOLE_SUM_BYTES: Final = 32

_HEADER = Struct(">8sHH")
_BLOCK = Struct(">cIII")
_LENGTH = Struct(">I")
_RECORDS = b"B"
_END = b"E"


class Damaged(Exception):
    """The file is not what was written. The message is one line and says where."""


class Source(Protocol):
    """Where the file is read from, from its beginning."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""


class BlockWriter:
    """Writes records. `write` is given bytes one piece after the other."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._compressor = ZstdCompressor(level=LEVEL)
        self._whole = blake2b(digest_size=WHOLE_SUM_BYTES)
        self._records = bytearray()
        self._blocks = 0
        self.bytes = 0
        header = _HEADER.pack(MAGIC, VERSION, 0)
        self._put(header + _sum(header))

    def record(self, packed: bytes) -> None:
        """Adds a record."""
        self._records += _LENGTH.pack(len(packed))
        self._records += packed
        if len(self._records) >= BLOCK_BYTES:
            self._flush()

    def end(self) -> None:
        """Writes what is left, and the end."""
        if self._records:
            self._flush()
        whole = self._whole.digest()
        head = _BLOCK.pack(_END, self._blocks, len(whole), len(whole))
        self._put(head + _sum(head + whole) + whole)

    def _flush(self) -> None:
        length = len(self._records)
        assert length <= LARGEST_BLOCK, "a record is larger than any block may be"
        compressed = self._compressor.compress(bytes(self._records))
        head = _BLOCK.pack(_RECORDS, self._blocks, len(compressed), length)
        self._put(head + _sum(head + compressed) + compressed)
        self._blocks += 1
        self._records.clear()

    def _put(self, piece: bytes) -> None:
        self._whole.update(piece)
        self._write(piece)
        self.bytes += len(piece)


def records(source: Source) -> Iterator[bytes]:
    """The records of a file, in order. Raises `Damaged` at the first block that is not what was written."""
    whole = blake2b(digest_size=WHOLE_SUM_BYTES)
    _check_header(_exactly(source, _HEADER.size + SUM_BYTES, "the header", whole))
    decompressor = ZstdDecompressor()
    number = 0
    while True:
        where = f"block {number}"
        before = whole.digest()
        head = _exactly(source, _BLOCK.size + SUM_BYTES, where, whole)
        kind, found, length, unpacked = _BLOCK.unpack(head[: _BLOCK.size])
        # The lengths may be what is damaged: no more is read than a block can have.
        if kind not in (_RECORDS, _END) or found != number or not 0 < length <= LARGEST_BLOCK:
            raise Damaged(f"{where} is damaged: its head is not that of a block")
        body = _exactly(source, length, where, whole)
        if _sum(head[: _BLOCK.size] + body) != head[_BLOCK.size :]:
            raise Damaged(f"{where} is damaged: its sum is wrong")
        if kind == _END:
            if body != before:
                raise Damaged("the file is damaged: the sum of the whole is wrong")
            if source.read(1):
                raise Damaged("the file goes on after its end: something was added to it")
            return
        yield from _split(_unpacked(decompressor, body, unpacked, where), where)
        number += 1


def _unpacked(decompressor: ZstdDecompressor, body: bytes, length: int, where: str) -> bytes:
    try:
        unpacked = decompressor.decompress(body, max_output_size=length)
    except ZstdError as error:
        raise Damaged(f"{where} is damaged: it cannot be decompressed ({error})") from None
    if len(unpacked) != length:
        raise Damaged(f"{where} is damaged: it holds {len(unpacked)} bytes, not {length}")
    return unpacked


def _split(block: bytes, where: str) -> Iterator[bytes]:
    at = 0
    while at < len(block):
        if at + _LENGTH.size > len(block):
            raise Damaged(f"{where} is damaged: it ends within a record")
        (length,) = _LENGTH.unpack_from(block, at)
        at += _LENGTH.size
        if at + length > len(block):
            raise Damaged(f"{where} is damaged: it ends within a record")
        yield block[at : at + length]
        at += length


def _check_header(header: bytes) -> None:
    magic, version, _ = _HEADER.unpack(header[: _HEADER.size])
    if magic != MAGIC:
        raise Damaged("this is no backup: it does not begin as one")
    if _sum(header[: _HEADER.size]) != header[_HEADER.size :]:
        raise Damaged("the header is damaged: its sum is wrong")
    if version != VERSION:
        raise Damaged(f"this backup has format {version}, which this program does not know: it reads {VERSION}")


def _exactly(source: Source, length: int, where: str, whole: "blake2b") -> bytes:
    pieces, left = [], length
    while left and (piece := source.read(min(left, BLOCK_BYTES))):
        pieces.append(piece)
        left -= len(piece)
    if left:
        raise Damaged(f"the file is cut off within {where}: {left} bytes are missing there")
    found = b"".join(pieces)
    whole.update(found)
    return found


def _sum(piece: bytes) -> bytes:
    return blake2b(piece, digest_size=SUM_BYTES).digest()
