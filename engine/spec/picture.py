"""The picture of a net or of a whole specification, as SVG: laid out and drawn by Graphviz, with the marks of YAWL.

What draws is handed in, since `engine` knows no such library: `draw` gives the SVG of a graph in the DOT language. Its
nodes are known again by their names; each gets a title that says in words what it is, and the picture a description.
"""

from collections.abc import Callable, Iterable, Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from engine.errors import InvalidInput
from engine.spec import symbols
from engine.spec.dot import (
    DETAIL_PT,
    GREY,
    MARK_PT,
    Nodes,
    Shown,
    details,
    graph,
    has_join,
    has_split,
    name_of,
    printable,
)
from engine.spec.model import END, START, Join, Kind, Net, Specification, Split, Task

Draw = Callable[[str], str]

MOST_DRAWN = 400
"""Tasks and conditions of one picture: what is larger takes seconds to lay out, and nobody can read it."""

_NAMESPACES = (' xmlns="http://www.w3.org/2000/svg"', ' xmlns:xlink="http://www.w3.org/1999/xlink"')


class PictureTooLarge(InvalidInput):
    """There is more to draw than a picture can show."""

    code = "picture_too_large"


def net_picture(net: Net, draw: Draw, shown: Shown | None = None, *, title: str | None = None) -> str:
    """The picture of one net. Raises `PictureTooLarge`."""
    return _picture((net,), draw, shown or Shown(), title or f"Net {net.name}")


def specification_picture(specification: Specification, draw: Draw) -> str:
    """The picture of all nets of a specification, the root first. Raises `PictureTooLarge`."""
    others = [net for name, net in specification.nets.items() if name != specification.root]
    heading = f"{specification.title or specification.id}, version {specification.version}"
    return _picture((specification.main, *others), draw, Shown(), heading)


def _picture(nets: tuple[Net, ...], draw: Draw, shown: Shown, title: str) -> str:
    size = sum(len(net.tasks) + sum(">" not in place for place in net.places) for net in nets)
    if size > MOST_DRAWN:
        raise PictureTooLarge(f"a picture shows {MOST_DRAWN} tasks and conditions at most, and here are {size}")
    nodes = Nodes()
    drawing = draw(graph(nets, shown, nodes))
    for namespace in _NAMESPACES:
        drawing = drawing.replace(namespace, "", 1)
    svg = ElementTree.fromstring(drawing)
    for group in svg.iter("g"):
        kind = group.get("class", "")
        group.attrib.pop("id", None)
        if kind == "node":
            _dress(group, *nodes.elements[group.findtext("title", "")], shown)
        elif kind.startswith("edge"):
            _name_arrow(group, nodes)
        else:
            _forget_title(group)
    _entitle(svg, title, " ".join(_sentences(nets)))
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def _entitle(svg: Element, title: str, description: str) -> None:
    svg.set("xmlns", "http://www.w3.org/2000/svg")
    svg.set("role", "img")
    svg.set("aria-label", printable(title))
    for tag, text in (("desc", description), ("title", title)):
        element = Element(tag)
        element.text = printable(text)
        svg.insert(0, element)


# -- what the drawing of each element gets -----------------------------------------------------------------------------


def _dress(group: Element, net: Net, element: str, shown: Shown) -> None:
    box = _box(group)
    task = net.tasks.get(element)
    if task is None:
        group.set("class", "place")
        _title(group).text = _place_in_words(element, shown)
        group.extend(_marks_of_place(element, box, shown))
        return
    group.set("class", f"task {task.kind}")
    _title(group).text = printable(_task_in_words(task))
    _set_texts(group, len(details(task, shown)), MARK_PT / 2 * (has_join(task) - has_split(task)))
    if task.instances is not None:
        for behind in symbols.stack_behind(box):
            group.insert(1, behind)
    group.extend(_marks_of_task(task, box, shown))


def _marks_of_task(task: Task, box: symbols.Box, shown: Shown) -> Iterator[Element]:
    if has_join(task):
        yield from symbols.join_mark(task, box)
    if has_split(task):
        yield from symbols.split_mark(task, box)
    yield from symbols.kind_icon(task, box)
    fired = [str(number) for number, (name, _) in enumerate(shown.trace, 1) if name == task.name]
    if fired:
        yield from symbols.number_badge(",".join(fired), box)


def _marks_of_place(place: str, box: symbols.Box, shown: Shown) -> Iterator[Element]:
    count = shown.marking.get(place, 0)
    if count:
        yield from symbols.tokens(count, box)
    elif place == START:
        yield from symbols.start_mark(box)
    elif place == END:
        yield from symbols.end_mark(box)


def _box(group: Element) -> symbols.Box:
    """The rectangle that a node was drawn in."""
    ellipse = group.find("ellipse")
    if ellipse is not None:
        x, y, wide, high = (float(ellipse.get(key, "0")) for key in ("cx", "cy", "rx", "ry"))
        return symbols.Box(x - wide, y - high, x + wide, y + high)
    corners = [
        tuple(map(float, corner.split(",")))
        for polygon in group.iter("polygon")
        for corner in polygon.get("points", "").split()
    ]
    across, down = zip(*corners, strict=True)
    return symbols.Box(min(across), min(down), max(across), max(down))


def _set_texts(group: Element, small: int, aside: float) -> None:
    """Moves the lines of a task into the middle between its marks; the last ones are small."""
    texts = group.findall("text")
    for number, text in enumerate(texts):
        text.set("x", f"{float(text.get('x', '0')) + aside:.2f}")
        if number >= len(texts) - small:
            text.set("font-size", str(DETAIL_PT))
            text.set("fill", GREY)


def _name_arrow(group: Element, nodes: Nodes) -> None:
    source, _, target = group.findtext("title", "").partition("->")
    verb = {"edge empties": "empties", "edge completes": "completes"}.get(group.get("class", ""), "leads to")
    _title(group).text = f"{_called(nodes, source)} {verb} {_called(nodes, target)}"


def _called(nodes: Nodes, node: str) -> str:
    net, element = nodes.elements[node.partition(":")[0]]
    return printable(name_of(net.tasks[element])) if element in net.tasks else element


def _title(group: Element) -> Element:
    title = group.find("title")
    assert title is not None, "Graphviz gives each element a title"
    return title


def _forget_title(group: Element) -> None:
    title = group.find("title")
    if title is not None:
        group.remove(title)


# -- in words ----------------------------------------------------------------------------------------------------------

_DONE_BY = {
    Kind.HUMAN: "done by a person",
    Kind.AUTOMATED: "done by a connector",
    Kind.COMPOSITE: "done by a net of its own",
    Kind.ROUTING: "a step of routing",
}
_SPLITS = {Split.AND: "takes every way", Split.XOR: "takes one way", Split.OR: "takes one way or more"}
_JOINS = {
    Join.AND: "waits for all {inputs} branches",
    Join.XOR: "starts with each of {inputs} branches",
    Join.OR: "waits for as many of {inputs} branches as can still come",
    Join.PARTIAL: "waits for {needed} of {inputs} branches",
    Join.THREADS: "waits for {needed} threads",
}


def _task_in_words(task: Task) -> str:
    parts = [_DONE_BY[task.kind]]
    if has_join(task):
        parts.append(_JOINS[task.join].format(inputs=len(task.inputs), needed=task.needed))
    if has_split(task):
        parts.append(_SPLITS.get(task.split) or f"goes on as {task.threads} threads")
    parts += details(task, Shown())
    for region, when in ((task.resets, "when it starts"), (task.cancels, "when it completes")):
        if region is not None:
            parts.append(f"empties {_listed((*region.tasks, *region.places))} {when}")
    if task.completes:
        parts.append(f"completes {_listed(task.completes)}")
    return f"{name_of(task)}: {'; '.join(parts)}"


def _place_in_words(place: str, shown: Shown) -> str:
    count = shown.marking.get(place, 0)
    held = f": {count} token{'s' if count > 1 else ''}" if count else ""
    return f"{place}{held}"


def _sentences(nets: Iterable[Net]) -> Iterator[str]:
    """What leads where, for whoever cannot see it."""
    for net in nets:
        yield f"Net {net.name} begins with {_listed(task.name for task in net.consumers.get(START, ()))}."
        for task in net.tasks.values():
            yield f"{name_of(task)} leads to {_listed(flow.target for flow in task.flows) or 'nothing'}."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
