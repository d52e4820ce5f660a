"""The specifications that simulated cases run, each with what its result must be.

Every task adds its letter to the variable `seen`, so that what was done twice, or not at all, stands in the result,
whatever the engine's own records say.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from engine.definitions import Definitions
from engine.spec.read import load_document

SEEN: dict[str, Any] = {"schema": {"type": "array"}, "default": [], "output": True}
RETRY: dict[str, Any] = {"attempts": 4, "backoff_s": 0.5, "factor": 2, "max_s": 4, "on": ["any"]}
CALL_TIMEOUT_S = 4

Document = dict[str, Any]
Expected = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Scenario:
    """A specification, and whether a result that a case completed with is right."""

    name: str
    document: Document
    right: Expected
    waits_for_ever: bool = False
    trigger: str | None = None


def human(letter: str, following: Any, **more: Any) -> Document:
    """A task for a clerk."""
    return {"kind": "human", "offer": {"roles": ["clerk"]}, **_seen(letter), "next": following, **more}


def call(letter: str, following: Any, **more: Any) -> Document:
    """A task for the fickle connector."""
    config = {"timeout_s": CALL_TIMEOUT_S}
    made = {"kind": "automated", "connector": "fickle", "config": config, "retry": RETRY}
    return {**made, **_seen(letter), "next": following, **more}


def routing(following: Any, **more: Any) -> Document:
    """A task that does nothing by itself."""
    return {"kind": "routing", "next": following, **more}


def _seen(letter: str) -> Document:
    return {"output": {"seen": {"expr": f"seen + ['{letter}']"}}}


def _case(start: Any, tasks: Document, variables: Document | None = None, **main: Any) -> Document:
    return {"variables": {"seen": SEEN, **(variables or {})}, "start": start, "tasks": tasks, **main}


def _scenario(name: str, net: Document, right: Expected, nets: Document | None = None, **more: Any) -> Scenario:
    document = {"specification": name, "version": "1", "nets": {"main": net, **(nets or {})}}
    return Scenario(name, document, right, **more)


def _exactly(*letters: str) -> Expected:
    return lambda data: data["seen"] == list(letters)


def _in_any_order(*letters: str) -> Expected:
    return lambda data: Counter(data["seen"]) == Counter(letters)


def _one_of(*ways: Sequence[str]) -> Expected:
    return lambda data: any(Counter(data["seen"]) == Counter(way) for way in ways)


def _gathered(count: int) -> Expected:
    return lambda data: data["given"] == list(range(count)) and data["seen"] == ["z"]


_GIVEN = {"given": {"schema": {"type": "array"}, "output": True}}
_GATHER = {"variable": "given", "from": "$.index"}
_INDEX = {"input": {"index": "$.instance"}}


def _several(task: Document, count: int, **more: Any) -> Document:
    bare = {key: value for key, value in task.items() if key != "output"}
    return {**bare, **_INDEX, "instances": {"count": count, "gather": _GATHER, **more}}


def _composite(net: str, following: Any, **more: Any) -> Document:
    return {"kind": "composite", "net": net, "next": following, **more}


_JOIN_CHILD = {"output": {"seen": {"expr": "seen + output.seen"}}}
_SUB = _case("x", {"x": human("x", "y"), "y": call("y", "end")})
_LEFT_OR_RIGHT = [{"to": "left", "when": "size(seen) > 1"}, {"to": "right"}]

SCENARIOS: tuple[Scenario, ...] = (
    _scenario(
        "sequence", _case("a", {"a": human("a", "b"), "b": call("b", "c"), "c": human("c", "end")}), _exactly(*"abc")
    ),
    _scenario("calls", _case("a", {"a": call("a", "b"), "b": call("b", "c"), "c": call("c", "end")}), _exactly(*"abc")),
    _scenario(
        "parallel",
        _case(
            "s",
            {
                "s": routing(["a", "b", "c"]),
                "a": human("a", "j"),
                "b": call("b", "j"),
                "c": human("c", "j"),
                "j": call("j", "end", join="and"),
            },
        ),
        lambda data: Counter(data["seen"]) == Counter("abcj") and data["seen"][-1] == "j",
    ),
    _scenario(
        "exclusive",
        _case(
            "a",
            {
                "a": human("a", "b"),
                "b": call("b", _LEFT_OR_RIGHT, split="xor"),
                "left": human("l", "end"),
                "right": human("r", "end"),
            },
        ),
        _exactly(*"abl"),
    ),
    _scenario(
        "inclusive",
        _case(
            "a",
            {
                "a": human(
                    "a",
                    [
                        {"to": "b", "when": "seen.exists(s, s == 'a')"},
                        {"to": "c", "when": "size(seen) == 1"},
                        {"to": "d"},
                    ],
                    split="or",
                ),
                "b": human("b", "j"),
                "c": call("c", "j"),
                "d": human("d", "j"),
                "j": call("j", "end", join="or"),
            },
        ),
        lambda data: Counter(data["seen"]) == Counter("abcj") and data["seen"][0] == "a" and data["seen"][-1] == "j",
    ),
    _scenario(
        "choice",
        _case(
            "a",
            {"a": call("a", "p"), "b": human("b", "z"), "c": human("c", "z"), "z": call("z", "end")},
            conditions={"p": {"next": ["b", "c"]}},
        ),
        _one_of("abz", "acz"),
    ),
    _scenario(
        "choice-of-time",
        _case(
            "a",
            {
                "a": call("a", "p"),
                "b": human("b", "z"),
                "late": routing("t", delay="PT4S"),
                "t": call("t", "z"),
                "z": call("z", "end"),
            },
            conditions={"p": {"next": ["b", "late"]}},
        ),
        _one_of("abz", "atz"),
    ),
    _scenario(
        "loop",
        _case("a", {"a": human("a", "b", loop={"until": "size(seen) >= 3"}), "b": call("b", "end")}),
        _exactly(*"aaab"),
    ),
    _scenario(
        "circle",
        _case(
            "a",
            {
                "a": human("a", "b", join="xor"),
                "b": call("b", [{"to": "a", "when": "size(seen) < 6"}, {"to": "c"}], split="xor"),
                "c": call("c", "end"),
            },
        ),
        _exactly(*"abababc"),
    ),
    _scenario(
        "instances", _case("a", {"a": _several(human("a", "z"), 4), "z": call("z", "end")}, _GIVEN), _gathered(4)
    ),
    _scenario(
        "called-instances", _case("a", {"a": _several(call("a", "z"), 5), "z": call("z", "end")}, _GIVEN), _gathered(5)
    ),
    _scenario(
        "threshold",
        _case("a", {"a": _several(human("a", "z"), 4, threshold=2), "z": call("z", "end")}, _GIVEN),
        lambda data: len(data["given"]) == 2 and data["given"] == sorted(set(data["given"])) and data["seen"] == ["z"],
    ),
    _scenario(
        "growing",
        _case("a", {"a": _several(human("a", "z"), 3, creation="dynamic"), "z": call("z", "end")}, _GIVEN),
        _gathered(3),
    ),
    _scenario(
        "child",
        _case("a", {"a": human("a", "k"), "k": _composite("sub", "z", **_JOIN_CHILD), "z": call("z", "end")}),
        _exactly(*"axyz"),
        {"sub": _SUB},
    ),
    _scenario(
        "children",
        _case(
            "k",
            {
                "k": _composite(
                    "sub",
                    "z",
                    instances={"count": 3, "gather": {"variable": "given", "from": "$.seen", "with": "list"}},
                ),
                "z": call("z", "end"),
            },
            _GIVEN,
        ),
        lambda data: data["given"] == [["x", "y"]] * 3 and data["seen"] == ["z"],
        {"sub": _SUB},
    ),
    _scenario(
        "timed",
        _case(
            "a",
            {
                "a": human("a", "b", timer=[{"after": "PT2S", "then": "remind"}, {"after": "PT9S", "then": "skip"}]),
                "b": human("b", "c", timer={"trigger": "started", "after": "PT3S", "then": "complete"}),
                "c": call("c", "end"),
            },
        ),
        _one_of("abc", "ac", "bc", "c"),
    ),
    _scenario(
        "cancel-region",
        _case(
            "s",
            {
                "s": routing(["b", "x", "c"]),
                "b": human("b", "j"),
                "x": human("x", "j", cancels=["s>b", "b", "b>j"]),
                "c": call("c", "e"),
                "j": routing("e", join="xor", cancels=["s>x", "x", "x>j", "s>b", "b", "b>j"]),
                "e": call("e", "end", join="and"),
            },
        ),
        _one_of("xce", "bce", "bxce"),
    ),
    _scenario(
        "mutex",
        _case(
            "s",
            {
                "s": routing(["a", "b", "c"]),
                "a": human("a", "j", mutex="m"),
                "b": call("b", "j", mutex="m"),
                "c": human("c", "j", mutex="m"),
                "j": call("j", "end", join="and"),
            },
        ),
        _in_any_order(*"abcj"),
    ),
    _scenario(
        "trigger",
        _case(
            "s",
            {
                "s": routing(["a", "w"]),
                "a": human("a", "j"),
                "w": routing("v", trigger={"name": "go", "kind": "persistent"}),
                "v": call("w", "j"),
                "j": call("j", "end", join="and"),
            },
        ),
        lambda data: Counter(data["seen"]) == Counter("awj") and data["seen"][-1] == "j",
        trigger="go",
    ),
    _scenario(
        "two-of-three",
        _case(
            "s",
            {
                "s": routing(["a", "b", "c"]),
                "a": human("a", "j"),
                "b": human("b", "j"),
                "c": call("c", "j"),
                "j": call("j", "end", join={"partial": 2, "resets": ["a", "b", "c", "s>a", "s>b", "s>c"]}),
            },
        ),
        lambda data: len(set(data["seen"])) == len(data["seen"]) and data["seen"][-1] == "j" and len(data["seen"]) >= 3,
    ),
    _scenario(
        "nobody",
        _case("a", {"a": call("a", "b"), "b": human("b", "end", offer={"roles": ["absent"]})}),
        _exactly("never"),
        waits_for_ever=True,
    ),
)


def scenario_of(name: str, start: str, tasks: Document, conditions: Document, right: Expected) -> Scenario:
    """A scenario of one net."""
    return _scenario(name, _case(start, tasks, conditions=conditions), right)


@dataclass(frozen=True)
class _Documents:
    """The documents as a registry would give them."""

    scenarios: Mapping[str, Scenario]

    def document(self, identifier: str, version: str) -> Mapping[str, Any] | None:
        return self.scenarios[identifier].document if identifier in self.scenarios else None

    def latest_version(self, identifier: str) -> str | None:
        return "1"


def definitions(scenarios: Iterable[Scenario]) -> Definitions:
    """What a world works with: these specifications, and a cache of the compiled ones."""
    return Definitions(_Documents({scenario.name: scenario for scenario in scenarios}))


def checked() -> list[str]:
    """The names of the scenarios, after their documents were read as a deployment reads them."""
    return [load_document(msgspec.json.decode(msgspec.json.encode(each.document))).id for each in SCENARIOS]
