"""Markings: `{place: tokens}` without zeros."""

Marking = dict[str, int]


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
