"""Words: what items and cases are found by. They are made of values that a specification names for it.

A word is a run of letters and digits in small letters, without accents and of whatever script. A field word is the
name of a value with a word of it: `customer=jones`. Nothing else of a case is kept in an index.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from unicodedata import combining, normalize

MOST_OF_CASE = 64
MOST_OF_ITEM = 8
"""By so many different words a case or an item is found; further ones are left out. Each is a key of a commit."""

LONGEST_WORD = 40
"""What is longer is found by its beginning."""

LONGEST_VALUE = 2_000
"""Characters of one value that are looked at."""

_WORD = re.compile(r"\w+")


def words_of(values: Mapping[str, Any], most: int) -> tuple[str, ...]:
    """The words of values by name, and the field words, each once: `most` words at most, and as many field words."""
    found: dict[str, None] = {}
    for name, value in values.items():
        for text in _texts(value):
            for word in words(text):
                found[word] = None
                found[field_word(name, word)] = None
    return tuple(list(found)[: 2 * most])


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    plain = "".join(each for each in normalize("NFKD", text[:LONGEST_VALUE].casefold()) if not combining(each))
    return [word[:LONGEST_WORD] for word in _WORD.findall(plain)]


def field_word(name: str, word: str) -> str:
    """A word as that of one value."""
    return f"{name}={word}"


def asked(search: str) -> tuple[str, ...]:
    """The words that a search asks for: all of `anna customer:jones`, the second as a word of the value `customer`."""
    found: dict[str, None] = {}
    for part in search.split():
        name, colon, value = part.partition(":")
        for word in words(value if colon else part):
            found[field_word(name, word) if colon else word] = None
    return tuple(found)


def _texts(value: Any) -> Iterator[str]:
    """The texts, numbers and truths of a value, however deep. A value of a case nests 64 deep at most."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, int | float):
        yield str(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
