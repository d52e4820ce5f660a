"""How shared values are packed: what is equal is packed the same, so that a script can compare it."""

from typing import Any

from msgspec.msgpack import Decoder, Encoder

pack_value = Encoder(order="deterministic").encode
"""A value."""

_decode = Decoder().decode


def unpack_value(packed: bytes) -> Any:
    """A value."""
    return _decode(packed)
