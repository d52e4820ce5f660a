"""Documents for property tests: JSON as a case may hold it, with few names, so that paths find something."""

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c", "lines"])
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def documents(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists and mappings of scalars."""
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
    )


JSON = documents(st.none() | st.booleans() | NUMBERS | TEXTS)
WITHOUT_TEXT = documents(st.none() | st.booleans() | NUMBERS)
