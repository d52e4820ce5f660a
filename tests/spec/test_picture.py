"""Pictures: what is drawn of a net, and that nothing written in a specification gets out of its box."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import msgspec
import pytest

from deploy.drawing import Graphviz
from engine.errors import InvalidInput
from engine.spec.dot import Shown
from engine.spec.model import Net, Specification
from engine.spec.picture import MOST_DRAWN, PictureTooLarge, net_picture, specification_picture
from engine.spec.read import read_specification
from tests.net_notation import net

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def draw() -> Graphviz:
    return Graphviz()


@pytest.fixture
def drawn(draw: Graphviz) -> Callable[..., Element]:
    """Draws the main net of a specification and reads the picture again."""

    def picture(specification: Specification, **shown: Any) -> Element:
        return ElementTree.fromstring(net_picture(specification.main, draw, Shown(**shown)))

    return picture


def groups(svg: Element, kind: str) -> dict[str, Element]:
    """The drawn elements of a kind by the first words of their titles."""
    found = [group for group in svg.iter(f"{SVG}g") if kind in group.get("class", "").split()]
    return {re.split(r"[:;]", group.findtext(f"{SVG}title", ""))[0]: group for group in found}


def arrows(svg: Element) -> set[str]:
    return set(groups(svg, "edge")) | set(groups(svg, "empties")) | set(groups(svg, "completes"))


def texts(element: Element) -> list[str]:
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text")]


def across(element: Element) -> tuple[float, float]:
    """From where to where the box of a task goes."""
    corners = [float(corner.split(",")[0]) for corner in next(element.iter(f"{SVG}polygon")).get("points", "").split()]
    return min(corners), max(corners)


def test_an_implicit_condition_is_an_arrow_and_an_explicit_one_a_circle(drawn: Callable[..., Element]) -> None:
    svg = drawn(net("i -> A -> B! -> p -> C* -> o"))
    assert set(groups(svg, "place")) == {"start", "p", "end"}
    assert set(groups(svg, "task")) == {"A", "B", "C"}
    assert arrows(svg) == {"start leads to A", "A leads to B", "B leads to p", "p leads to C", "C leads to end"}


def test_who_does_a_task_is_shown_and_said(drawn: Callable[..., Element]) -> None:
    svg = drawn(net("i -> A -> B! -> C* -> o"))
    assert (
        {*groups(svg, "routing")} == {"A"} and {*groups(svg, "human")} == {"B"} and {*groups(svg, "automated")} == {"C"}
    )
    tasks = groups(svg, "task")
    assert tasks["B"].findtext(f"{SVG}title") == "B: done by a person"
    assert [len(list(tasks[name].iter(f"{SVG}circle"))) for name in "ABC"] == [0, 2, 3]


@pytest.mark.parametrize(
    ("written", "task", "words", "shapes"),
    [
        ("i -> A -> and(B, C) -> D -> o", "A", "takes every way", 2),
        ("i -> A -> and(B, C) -> D -> o", "D", "waits for all 2 branches", 2),
        ("i -> A -> xor(B, C) -> D -> o", "A", "takes one way", 2),
        ("i -> A -> xor(B, C) -> D -> o", "D", "starts with each of 2 branches", 2),
        ("i -> A -> xor(B, C) -> D -> o", "B", "a step of routing", 1),
    ],
)
def test_joins_and_splits_have_their_marks(
    drawn: Callable[..., Element], written: str, task: str, words: str, shapes: int
) -> None:
    drawing = groups(drawn(net(written)), "task")[task]
    assert words in drawing.findtext(f"{SVG}title", "")
    assert len(list(drawing.iter(f"{SVG}polygon"))) == shapes


def test_what_newyawl_has_beside_is_shown(drawn: Callable[..., Element]) -> None:
    svg = drawn(
        net(
            "i -> A -> and(B, C!, E!) -> D -> o",
            B={"kind": "human", "instances": {"count": 3, "min": 1, "max": 5, "threshold": 2}},
            C={"loop": {"until": "go == 'x'"}, "mutex": "desk"},
            E={"trigger": {"name": "bell", "kind": "persistent"}},
            D={"join": {"partial": 2, "resets": ["B", "A>C"]}, "cancels": ["E"], "completes": ["B"]},
        )
    )
    tasks = groups(svg, "task")
    assert "× 1 to 5, 2 are enough" in texts(tasks["B"]) and len(list(tasks["B"].iter(f"{SVG}rect"))) == 2
    assert {"until go == 'x'", "alone in desk"} < set(texts(tasks["C"]))
    assert "on bell" in texts(tasks["E"])
    assert "2/3" in texts(tasks["D"])
    assert set(groups(svg, "empties")) == {"D empties B", "D empties A>C", "D empties E"}
    assert set(groups(svg, "completes")) == {"D completes B"}
    assert "A>C" in groups(svg, "place")


def test_the_tokens_and_the_work_of_a_case_are_shown(drawn: Callable[..., Element]) -> None:
    svg = drawn(net("i -> A -> B! -> p -> C! -> o"), marking={"p": 3, "A>B": 7}, running={"C": 2}, waiting={"B": 4})
    places = groups(svg, "place")
    assert set(places) == {"start", "p", "end", "A>B"}
    assert len(list(places["p"].iter(f"{SVG}circle"))) == 3 and texts(places["A>B"]) == ["7"]
    assert places["p"].findtext(f"{SVG}title") == "p: 3 tokens"
    tasks = groups(svg, "task")
    assert "running: 2" in texts(tasks["C"]) and "waiting: 4" in texts(tasks["B"])


def test_a_trace_is_numbered_and_its_way_coloured(drawn: Callable[..., Element]) -> None:
    trace = (("A", ("A>B",)), ("B", ("B>A",)), ("A", ("A>B",)))
    svg = drawn(net("i -> A -> B -> xor(A, C) -> o"), trace=trace)
    tasks = groups(svg, "task")
    assert texts(tasks["A"]) == ["A", "1,3"] and texts(tasks["B"]) == ["B", "2"] and texts(tasks["C"]) == ["C"]
    coloured = {
        name for name, arrow in groups(svg, "edge").items() if next(arrow.iter(f"{SVG}path")).get("stroke") == "#9a5b00"
    }
    assert coloured == {"start leads to A", "A leads to B", "B leads to A"}


NASTY = [
    '"]; evil [label="x',
    "</text><script>alert(1)</script>",
    "back\\slash \\N \\G \\n",
    "&amp; &lt; &#65; <b>",
    "line\nbreak\ttab \x07 \x1b[31m \u2028",
    "現場を訪問する", "🙂" * 30, "W" * 90, "Взять фотографии и документы у клиента в понедельник",
]  # fmt: skip


@pytest.mark.parametrize("title", NASTY)
def test_whatever_a_title_says_is_text(drawn: Callable[..., Element], title: str) -> None:
    svg = drawn(net("i -> A -> B -> o", A={"title": title}))
    assert len(groups(svg, "task")) == 2 and not list(svg.iter(f"{SVG}script"))
    shown = "".join(texts(next(group for name, group in groups(svg, "task").items() if name != "B")))
    wanted = "".join(letter for letter in title if letter.isprintable() and letter != " ")
    assert wanted.startswith(shown.replace(" ", "").rstrip("…"))
    assert len(shown) > min(len(wanted), 20) / 2


@pytest.mark.parametrize("title", ["W" * 60, "現場を訪問する" * 4, "Ship the parcel", "🙂" * 12])
def test_no_text_is_broader_than_its_box(drawn: Callable[..., Element], title: str) -> None:
    # Letters are at most one em wide in the fonts that are asked for.
    svg = drawn(net("i -> A! -> xor(B, C) -> o", A={"title": title}))
    task = next(group for name, group in groups(svg, "task").items() if name not in "BC")
    left, right = across(task)
    assert max(map(len, texts(task))) * 12 * (0.6 if title.isascii() and "W" not in title else 1.0) < right - left


def test_a_picture_stands_alone_and_can_be_read_aloud(draw: Graphviz) -> None:
    text = specification_picture(net("i -> A -> and(B!, C!) -> D -> o"), draw)
    svg = ElementTree.fromstring(text)
    assert svg.get("role") == "img" and svg.get("aria-label") == "net, version 1"
    assert svg[0].tag == f"{SVG}title" and svg[1].tag == f"{SVG}desc"
    assert "A leads to B, C." in (svg[1].text or "")
    assert not re.search(r"href|url\(|<!|@import", text)
    assert " id=" not in text, "two pictures on one page would share their ids"


def test_all_nets_of_a_specification_are_drawn_the_root_above(draw: Graphviz, two_nets: Specification) -> None:
    svg = ElementTree.fromstring(specification_picture(two_nets, draw))
    frames = [group for group in svg.iter(f"{SVG}g") if group.get("class") == "cluster"]
    tops = {texts(frame)[0]: min(heights(frame)) for frame in frames}
    assert set(tops) == {"main", "side"} and tops["main"] < tops["side"]


def heights(element: Element) -> Iterator[float]:
    for corner in next(element.iter(f"{SVG}polygon")).get("points", "").split():
        yield float(corner.split(",")[1])


@pytest.fixture
def two_nets() -> Specification:
    one = net("i -> A -> o")
    other = net("i -> B -> o").main
    side = Net("side", {}, other.tasks, one.main.places, other.consumers, frozenset(), {})
    return Specification(one.id, one.version, one.root, {"side": side, **one.nets}, one.document)


def test_a_picture_of_too_much_is_refused_before_it_is_laid_out() -> None:
    long = " -> ".join(["i", *(f"T{number}" for number in range(MOST_DRAWN)), "o"])

    def never(dot: str) -> str:
        raise AssertionError("it was drawn")

    with pytest.raises(PictureTooLarge, match=f"{MOST_DRAWN} tasks"):
        net_picture(net(long).main, never)


def test_threads_may_share_what_draws(draw: Graphviz) -> None:
    specification = net("i -> A -> and(B!, C!) -> D -> o")
    expected = specification_picture(specification, draw)
    drawings: list[str] = []
    threads = [
        threading.Thread(target=lambda: drawings.append(specification_picture(specification, draw))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawings == [expected] * 8


def test_what_cannot_be_drawn_does_not_spoil_the_next_picture(draw: Graphviz) -> None:
    with pytest.raises(AssertionError, match="Failed to parse"):
        draw("digraph {{{")
    assert "<svg" in draw("digraph { a -> b }")


def test_a_picture_that_would_take_too_long_is_refused_and_the_next_one_drawn() -> None:
    sparing = Graphviz(fuel=100_000_000)
    tangled = " ".join(f"n{one} -> n{(one * other) % 40}" for one in range(40) for other in range(12))
    with pytest.raises(InvalidInput, match="too tangled") as refused:
        sparing(f"digraph {{ {tangled} }}")
    assert refused.value.code == PictureTooLarge.code
    assert "<svg" in sparing("digraph { a -> b }")


def test_a_dotted_line_leads_to_what_undoes_a_task(drawn: Callable[..., Element]) -> None:
    tasks = {
        "book": {"kind": "automated", "connector": "echo", "compensation": "unbook", "next": "end"},
        "unbook": {"kind": "automated", "connector": "echo"},
    }
    document = {"specification": "saga", "version": "1", "nets": {"main": {"start": "book", "tasks": tasks}}}
    svg = drawn(read_specification(msgspec.json.encode(document).decode()))
    [arrow] = groups(svg, "compensated").values()
    assert texts(arrow) == ["undone by"]
