"""Markings: `{place: tokens}` without zeros; and what partial joins remember beside them."""

Marking = dict[str, int]

Due = int | list[str]
"""What a partial join that has fired still swallows: so many tokens, or one token from each of these places."""


def add(marking: Marking, place: str) -> None:
    """Puts one token into a place."""
    marking[place] = marking.get(place, 0) + 1


def remove(marking: Marking, place: str) -> None:
    """Takes one token from a place that has one."""
    left = marking[place] - 1
    if left:
        marking[place] = left
    else:
        del marking[place]
