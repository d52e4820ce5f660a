"""The words by which a case is found: those of the variables that its net names for it."""

from collections.abc import Mapping
from typing import Any

from engine.items.words import MOST_OF_CASE, words_of
from engine.spec.model import Net


def words_of_case(net: Net, data: Mapping[str, Any]) -> frozenset[str]:
    """The words of a case of a net with these data."""
    if not net.searched:
        return frozenset()
    return frozenset(words_of({name: data.get(name) for name in net.searched}, MOST_OF_CASE))
