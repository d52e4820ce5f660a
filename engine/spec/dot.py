"""A net as a graph in the DOT language (Gansner and North, 2000), which Graphviz lays out and draws.

An implicit condition is drawn as an arrow between its tasks, as in the notation of YAWL (van der Aalst and ter
Hofstede, 2005), and as a circle only when it holds tokens or is emptied by a region. What DOT cannot say (the triangles
of joins and splits, the icons) is left out here and set on the drawing afterwards (`picture.py`).
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from unicodedata import east_asian_width

from engine.spec.model import END, START, Flow, Instances, Join, Loop, Net, Split, Task

FONT = "Helvetica,Arial,Liberation Sans,sans-serif"
NAME_PT, DETAIL_PT = 12, 9.5
CHARACTERS_A_LINE = 20
LINES_OF_A_NAME = 3
CHARACTERS_OF_A_DETAIL = 24
CHARACTERS_OF_A_PREDICATE = 26

MARK_PT = 16
"""How wide the mark of a join or a split is, at the side of its task."""

PLACE_PT = 26
"""The diameter of a condition."""

INK, GREY, BLUE, RED = "#1f2933", "#52606d", "#0b5cad", "#b3261e"
AMBER, GREEN, VIOLET = "#9a5b00", "#1b6e3c", "#6b21a8"
PAPER, RUNNING = "#ffffff", "#dbeafe"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture shows on a net.

    `marking` are the tokens in its places, `running` and `waiting` how many runs of a task hold tokens, or could begin;
    `trace` is a sequence of firings: tasks with the places they gave tokens to.
    """

    marking: Mapping[str, int] = field(default_factory=dict)
    running: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    trace: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def followed(self) -> frozenset[str]:
        """The places that the trace leads through."""
        return frozenset(place for _, given in self.trace for place in given)


class Nodes:
    """The names that the elements of nets have in a graph: none of theirs is safe there."""

    def __init__(self) -> None:
        self.elements: dict[str, tuple[Net, str]] = {}
        self._names: dict[tuple[str, str], str] = {}

    def name(self, net: Net, element: str) -> str:
        """The name of a task or a place."""
        known = self._names.get((net.name, element))
        if known is None:
            known = self._names[net.name, element] = f"n{len(self._names)}"
            self.elements[known] = (net, element)
        return known


def graph(nets: Iterable[Net], shown: Shown, nodes: Nodes) -> str:
    """The graph of the nets, each with a frame when there are several. `nodes` is told what each node is."""
    drawn = tuple(nets)
    lines = [
        f'graph [rankdir=LR, bgcolor="{PAPER}", pad=0.2, nodesep=0.35, ranksep=0.45, fontname="{FONT}", '
        f'fontsize={NAME_PT}, fontcolor="{INK}", nslimit=8, nslimit1=8, mclimit=2]',
        f'node [fontname="{FONT}", fontsize={NAME_PT}, fontcolor="{INK}", color="{INK}", fillcolor="{PAPER}", '
        f"style=filled, penwidth=1.2]",
        f'edge [fontname="{FONT}", fontsize={DETAIL_PT}, fontcolor="{GREY}", color="{GREY}", arrowsize=0.7]',
    ]
    # Graphviz sets the frames one above the other, from below.
    for number, net in enumerate(reversed(drawn)):
        inside = list(_net(net, shown, nodes))
        if len(drawn) > 1:
            heading = _quoted((net.name,))
            inside = [f"subgraph cluster_{number} {{", f'label={heading} labeljust=l color="{GREY}"', *inside, "}"]
        lines += inside
    return "\n".join(["digraph {", *lines, "}"])


def name_of(task: Task) -> str:
    """What people call a task."""
    return task.title or task.name


def has_join(task: Task) -> bool:
    """Whether a mark says how the task joins."""
    return len(task.inputs) > 1 or task.join is Join.THREADS


def has_split(task: Task) -> bool:
    """Whether a mark says how the task splits."""
    return len(task.flows) > 1 or task.split is Split.THREADS


def circles(net: Net, shown: Shown) -> tuple[str, ...]:
    """The places of a net that are drawn as circles, in its order."""
    emptied = {place for _, _, place in _emptied(net)}
    return tuple(place for place in net.places if ">" not in place or shown.marking.get(place, 0) or place in emptied)


def details(task: Task, shown: Shown) -> tuple[str, ...]:
    """What stands below the name of a task, in small letters."""
    found = [
        *_work(task),
        f"running: {shown.running[task.name]}" if shown.running.get(task.name) else "",
        f"waiting: {shown.waiting[task.name]}" if shown.waiting.get(task.name) else "",
    ]
    return tuple(_shortened(each, CHARACTERS_OF_A_DETAIL) for each in found if each)


def printable(text: str) -> str:
    """A text without what XML cannot hold and no picture shows."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


# -- nodes -------------------------------------------------------------------------------------------------------------


def _net(net: Net, shown: Shown, nodes: Nodes) -> Iterator[str]:
    drawn = circles(net, shown)
    for place in drawn:
        yield _place(nodes.name(net, place), place)
    for task in net.tasks.values():
        yield _task(nodes.name(net, task.name), task, shown)
    followed = shown.followed
    for place in drawn:
        for task in net.consumers.get(place, ()):
            coming = place in followed or (place == START and bool(shown.trace))
            fired = any(name == task.name for name, _ in shown.trace)
            line = _line(followed=coming and fired) | _sides(None, task)
            yield _arrow(nodes.name(net, place), nodes.name(net, task.name), line)
    for task in net.tasks.values():
        for flow in task.flows:
            target = flow.place if flow.place in drawn else flow.target
            line = _line(followed=flow.place in followed and any(name == task.name for name, _ in shown.trace))
            line |= _sides(task, net.tasks.get(target))
            label = _predicate(task, flow)
            if label:
                line |= {"label": _quoted((label,))}
            yield _arrow(nodes.name(net, task.name), nodes.name(net, target), line)
    for task, colour, element in _emptied(net):
        line = {
            "class": "empties",
            "style": "dashed",
            "color": f'"{colour}"',
            "arrowhead": "tee",
            "constraint": "false",
        }
        yield _arrow(nodes.name(net, task.name), nodes.name(net, element), line)
    for task in net.tasks.values():
        for element in task.completes:
            line = {
                "class": "completes",
                "style": "dashed",
                "color": f'"{GREEN}"',
                "arrowhead": "odot",
                "constraint": "false",
            }
            yield _arrow(nodes.name(net, task.name), nodes.name(net, element), line)
        if task.compensation is not None:
            line = {"class": "compensated", "style": "dotted", "arrowhead": "vee", "constraint": "false"}
            line |= {"label": _quoted(("undone by",))}
            yield _arrow(nodes.name(net, task.name), nodes.name(net, task.compensation), line)


def _place(node: str, place: str) -> str:
    size = PLACE_PT / 72
    named = place not in (START, END) and ">" not in place
    caption = f" xlabel={_quoted(_wrapped(place))}" if named else ""
    return f'{node} [shape=circle, fixedsize=true, width={size:.3f}, label="", fontsize={DETAIL_PT}{caption}]'


def _task(node: str, task: Task, shown: Shown) -> str:
    lines = (*_wrapped(name_of(task)), *details(task, shown))
    margin = (MARK_PT + 5 if has_join(task) or has_split(task) else 12) / 72
    attributes = {
        "shape": "box",
        "label": _quoted(lines),
        "margin": f'"{margin:.3f},0.13"',
        "width": f"{max(70, _broadest(lines) + 2 * margin * 72) / 72:.3f}",
        "height": "0.5",
    }
    if shown.running.get(task.name):
        attributes["fillcolor"] = f'"{RUNNING}"'
    if shown.running.get(task.name) or shown.waiting.get(task.name):
        attributes |= {"color": f'"{BLUE}"', "penwidth": "2"}
    if any(name == task.name for name, _ in shown.trace):
        attributes |= {"color": f'"{AMBER}"', "penwidth": "2"}
    if task.decomposition is not None:
        attributes["peripheries"] = "2"
    return f"{node} [{', '.join(f'{key}={value}' for key, value in attributes.items())}]"


def _work(task: Task) -> Iterator[str]:
    if task.decomposition is not None:
        yield (
            f"net {task.decomposition.net}" if task.decomposition.net else f"case of {task.decomposition.specification}"
        )
    if task.instances is not None:
        yield _instances(task.instances)
    if task.loop is not None:
        yield _loop(task.loop)
    if task.trigger is not None:
        yield f"on {task.trigger.name}{'' if task.trigger.persistent else ', not kept'}"
    if task.mutex is not None:
        yield f"alone in {task.mutex}"


def _instances(instances: Instances) -> str:
    how_many = f"{instances.least} to {instances.most}"
    enough = "" if instances.awaited else ", not awaited"
    if isinstance(instances.threshold, int):
        enough = f", {instances.threshold} are enough"
    return f"× {how_many}{enough}"


def _loop(loop: Loop) -> str:
    return f"{loop.test} {loop.condition.source}"


# -- arrows ------------------------------------------------------------------------------------------------------------


def _arrow(source: str, target: str, line: Mapping[str, str]) -> str:
    attributes = ", ".join(f"{key}={value}" for key, value in line.items())
    return f"{source} -> {target} [{attributes}]"


def _line(*, followed: bool) -> dict[str, str]:
    return {"color": f'"{AMBER}"', "penwidth": "2"} if followed else {}


def _sides(source: Task | None, target: Task | None) -> dict[str, str]:
    """Where there is a mark, the arrow begins or ends at it."""
    sides = {"tailport": "e"} if source is not None and has_split(source) else {}
    return sides | ({"headport": "w"} if target is not None and has_join(target) else {})


def _predicate(task: Task, flow: Flow) -> str:
    if flow.when is not None:
        return _shortened(flow.when.source, CHARACTERS_OF_A_PREDICATE)
    return "otherwise" if task.split in (Split.XOR, Split.OR) and len(task.flows) > 1 else ""


def _emptied(net: Net) -> Iterator[tuple[Task, str, str]]:
    """Each task with the elements it empties, and the colour that says when."""
    for task in net.tasks.values():
        for region, colour in ((task.cancels, RED), (task.resets, VIOLET)):
            if region is not None:
                yield from ((task, colour, element) for element in (*region.tasks, *region.places))


# -- texts -------------------------------------------------------------------------------------------------------------


def _wrapped(text: str) -> tuple[str, ...]:
    lines = textwrap.wrap(printable(text), CHARACTERS_A_LINE, max_lines=LINES_OF_A_NAME, placeholder="…")
    return tuple(lines) or (" ",)


def _shortened(text: str, longest: int) -> str:
    one_line = " ".join(printable(text).split())
    return one_line if len(one_line) <= longest else f"{one_line[: longest - 1]}…"


def _broadest(lines: Iterable[str]) -> float:
    """How broad the lines may be at most, in points: Graphviz knows the letters of Latin only."""
    return max(sum(_em(letter) for letter in line) * NAME_PT for line in lines)


def _em(letter: str) -> float:
    if letter.isascii():
        return 0.5
    return 1.0 if east_asian_width(letter) in "WF" else 0.75


def _quoted(lines: Iterable[str]) -> str:
    """Lines of text as a string of DOT, which has escapes and entities of its own."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in map(printable, lines))
    return '"' + "\\n".join(escaped) + '"'
