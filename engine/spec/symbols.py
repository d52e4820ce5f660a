"""The marks that YAWL sets on tasks and conditions (van der Aalst and ter Hofstede, 2005), as shapes of SVG.

A triangle at the side of a task says how it joins (left) or splits (right): its point towards the task means all
branches, its point away from it one of them; a diamond means some of them. Figures say how many.
"""

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from engine.spec.dot import AMBER, BLUE, GREEN, INK, MARK_PT, PAPER, RED
from engine.spec.model import Join, Kind, Split, Task

ICON_RADIUS = 9.0
MOST_DOTS = 4
"""Tokens that are drawn one by one; more of them are a figure."""

_FIGURES = "Helvetica,Arial,Liberation Sans,sans-serif"


class Box(NamedTuple):
    """A rectangle of the drawing, in points; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def join_mark(task: Task, box: Box) -> list[Element]:
    """How a task joins, at its left side."""
    side = Box(box.left, box.top, box.left + MARK_PT, box.bottom)
    if task.join is Join.PARTIAL:
        return _counted(side, f"{task.needed}/{len(task.inputs)}")
    if task.join is Join.THREADS:
        return _counted(side, f"{task.needed}×")
    return _shaped(side, {Join.AND: "right", Join.XOR: "left", Join.OR: "both"}[task.join])


def split_mark(task: Task, box: Box) -> list[Element]:
    """How a task splits, at its right side."""
    side = Box(box.right - MARK_PT, box.top, box.right, box.bottom)
    if task.split is Split.THREADS:
        return _counted(side, f"{task.threads}×")
    return _shaped(side, {Split.AND: "left", Split.XOR: "right", Split.OR: "both"}[task.split])


def kind_icon(task: Task, box: Box) -> list[Element]:
    """Who does a task: a person, a gear, a net in a box. A routing task does nothing and has none."""
    if task.kind is Kind.ROUTING:
        return []
    x, y = box.left + ICON_RADIUS + 5, box.top
    badge = shape("circle", cx=x, cy=y, r=ICON_RADIUS, fill=PAPER, stroke=INK, stroke_width=1)
    return [badge, *_ICONS[task.kind](x, y)]


def number_badge(text: str, box: Box) -> list[Element]:
    """When a task fired, as numbers at its upper right corner."""
    width = max(2 * ICON_RADIUS, 6.0 * len(text) + 8)
    left = box.right - width + ICON_RADIUS
    pill = shape(
        "rect", x=left, y=box.top - ICON_RADIUS, width=width, height=2 * ICON_RADIUS, rx=ICON_RADIUS, fill=AMBER
    )
    return [pill, _figure(left + width / 2, box.top, text, PAPER, 10)]


def stack_behind(box: Box) -> list[Element]:
    """The sheets behind a task of multiple instances."""
    return [
        shape(
            "rect",
            x=box.left + by,
            y=box.top + by,
            width=box.right - box.left,
            height=box.bottom - box.top,
            fill=PAPER,
            stroke=INK,
            stroke_width=1,
        )
        for by in (6, 3)
    ]


def start_mark(box: Box) -> list[Element]:
    """The triangle in the condition where a case begins."""
    x, y = box.middle
    return [shape("polygon", points=f"{x - 4},{y - 6} {x - 4},{y + 6} {x + 7},{y}", fill=GREEN)]


def end_mark(box: Box) -> list[Element]:
    """The square in the condition where a case ends."""
    x, y = box.middle
    return [shape("rect", x=x - 5, y=y - 5, width=10, height=10, fill=RED)]


def tokens(count: int, box: Box) -> list[Element]:
    """Tokens in a condition."""
    x, y = box.middle
    if count > MOST_DOTS:
        return [_figure(x, y, str(count), BLUE, 11)]
    if count == 1:
        return [shape("circle", cx=x, cy=y, r=5, fill=BLUE)]
    places = ((-4.5, -4.5), (4.5, 4.5), (4.5, -4.5), (-4.5, 4.5))[:count]
    return [shape("circle", cx=x + right, cy=y + down, r=3.4, fill=BLUE) for right, down in places]


def shape(tag: str, **attributes: object) -> Element:
    """An element of SVG; `stroke_width` is written `stroke-width`, and numbers with two digits."""
    return Element(
        tag,
        {
            key.replace("_", "-"): f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
            for key, value in attributes.items()
        },
    )


# ----------------------------------------------------------------------------------------------------------------------


def _shaped(side: Box, point: str) -> list[Element]:
    """A triangle that points to the left or the right, or a diamond."""
    x, y = side.middle
    half = min(MARK_PT, side.bottom - side.top - 6) / 2
    left, right = side.left + 2, side.right - 2
    corners = {
        "right": ((left, y - half), (left, y + half), (right, y)),
        "left": ((right, y - half), (right, y + half), (left, y)),
        "both": ((left, y), (x, y - half), (right, y), (x, y + half)),
    }[point]
    points = " ".join(f"{across:.2f},{down:.2f}" for across, down in corners)
    return [_frame(side), shape("polygon", points=points, fill=INK)]


def _counted(side: Box, text: str) -> list[Element]:
    x, y = side.middle
    return [_frame(side), _figure(x, y, text, INK, min(9.0, 1.6 * MARK_PT / len(text)))]


def _frame(side: Box) -> Element:
    return shape(
        "rect",
        x=side.left,
        y=side.top,
        width=side.right - side.left,
        height=side.bottom - side.top,
        fill=PAPER,
        stroke=INK,
        stroke_width=1.2,
    )


def _figure(x: float, y: float, text: str, colour: str, size: float) -> Element:
    written = shape(
        "text",
        x=x,
        y=y + size * 0.35,
        text_anchor="middle",
        font_family=_FIGURES,
        font_size=size,
        font_weight="bold",
        fill=colour,
    )
    written.text = text
    return written


def _person(x: float, y: float) -> Iterator[Element]:
    yield shape("circle", cx=x, cy=y - 2.6, r=2.4, fill=INK)
    yield shape("path", d=f"M{x - 4.6:.2f},{y + 5:.2f} a4.6,4.6 0 0 1 9.2,0 z", fill=INK)


def _gear(x: float, y: float) -> Iterator[Element]:
    yield shape("circle", cx=x, cy=y, r=4.6, fill="none", stroke=INK, stroke_width=2.2, stroke_dasharray="2 1.61")
    yield shape("circle", cx=x, cy=y, r=2.9, fill="none", stroke=INK, stroke_width=1.8)


def _net(x: float, y: float) -> Iterator[Element]:
    yield shape("rect", x=x - 4.5, y=y - 4.5, width=9, height=9, fill="none", stroke=INK, stroke_width=1.2)
    yield shape("path", d=f"M{x - 2.5:.2f},{y:.2f} h5 M{x:.2f},{y - 2.5:.2f} v5", stroke=INK, stroke_width=1.4)


_ICONS = {Kind.HUMAN: _person, Kind.AUTOMATED: _gear, Kind.COMPOSITE: _net}
