"""From text to a plain document in which everything knows its line and column.

YAML 1.2 with the core schema: `on`, `yes` and `no` are strings, dates too; tags are errors, duplicate keys are
errors, aliases are bounded. JSON is read the same way, because it is YAML.
"""

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.reader import ReaderError

from engine.data.values import GREATEST_INTEGER, LEAST_INTEGER
from engine.spec.diagnostics import DocumentPath, Place, Report, shortened

LONGEST_TEXT = 1_000_000
DEEPEST = 50
MOST_VALUES = 100_000
"""Values of a document with its aliases written out: a small file must not unfold into a huge one."""

TAGGED = (ScalarEvent, SequenceStartEvent, MappingStartEvent)

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def parse(text: str, report: Report) -> Any:
    """The document of a text. Raises `SpecificationInvalid` when it is no YAML; the rest is reported."""
    if len(text) > LONGEST_TEXT:
        report.error((), f"the text is longer than {LONGEST_TEXT} characters")
        report.raise_errors()
    try:
        # Event by event: what is nested too deep is refused before the parser has read, and paid for, all of it.
        return _Reader(YAML(typ="safe", pure=True).parse(text), report).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _not_yaml(report, (mark.line + 1, mark.column + 1) if mark else (1, 1), _reason(error))
        raise
    except ReaderError as error:
        # The library knows where a character stands in the text, not in which line.
        before = text[: error.position]
        place = before.count("\n") + 1, error.position - before.rfind("\n")
        _not_yaml(report, place, f"the character U+{error.character:04X} may not stand in a document")
        raise


def _not_yaml(report: Report, place: Place, reason: str) -> None:
    report.places[()] = place
    report.error((), reason)
    report.raise_errors()


def _reason(error: MarkedYAMLError) -> str:
    if "'\\t'" in (error.problem or ""):
        return "a tab cannot indent; use spaces"
    return "is not YAML: " + " ".join(part for part in (error.context, error.problem) if part)


class _Reader:
    """Builds plain values from the events of a YAML parser."""

    def __init__(self, events: Iterator[Event], report: Report) -> None:
        self._events = events
        self._report = report
        self._anchors: dict[str, list[Event]] = {}
        self._recording: list[list[Event]] = []
        self._values = 0

    def document(self) -> Any:
        event = self._next()
        assert isinstance(event, StreamStartEvent)
        event = self._next()
        if isinstance(event, StreamEndEvent):
            self._report.error((), "the document is empty")
            self._report.raise_errors()
        assert isinstance(event, DocumentStartEvent)
        value = self._value(self._next(), ())
        event = self._next()
        assert isinstance(event, DocumentEndEvent)
        event = self._next()
        if not isinstance(event, StreamEndEvent):
            self._report.places[()] = _place(event)
            self._report.error((), "a second document begins here; a specification is one document")
        self._report.raise_errors()
        return value

    def _next(self) -> Event:
        event = next(self._events)
        for recording in self._recording:
            recording.append(event)
        return event

    def _value(self, event: Event, path: DocumentPath) -> Any:
        self._report.places.setdefault(path, _place(event))
        self._values += 1
        if self._values > MOST_VALUES:
            self._report.error(path, f"the document has more than {MOST_VALUES} values, with aliases written out")
            self._report.raise_errors()
        if len(path) > DEEPEST:
            self._report.error(path, f"is nested deeper than {DEEPEST} levels")
            self._report.raise_errors()
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        anchor = event.anchor if isinstance(event, NodeEvent) else None
        if anchor is None:
            return self._plain(event, path)
        recorded = [event]
        self._recording.append(recorded)
        value = self._plain(event, path)
        self._recording.pop()
        self._anchors[anchor] = recorded
        return value

    def _alias(self, event: AliasEvent, path: DocumentPath) -> Any:
        recorded = self._anchored(event, path)
        # Read again under the new path, so that an error inside it is found at the place of the anchor.
        outer, self._events = self._events, iter(recorded[1:])
        recordings, self._recording = self._recording, []
        value = self._plain(recorded[0], path)
        self._events, self._recording = outer, recordings
        return value

    def _anchored(self, event: AliasEvent, path: DocumentPath) -> list[Event]:
        """What an anchor was written at, as it was read."""
        recorded = self._anchors.get(str(event.anchor))
        if recorded is None:
            self._report.error(path, f"the alias *{shortened(str(event.anchor))} has no anchor before it")
            self._report.raise_errors()
            raise AssertionError("an error was reported")
        return recorded

    def _plain(self, event: Event, path: DocumentPath) -> Any:
        self._check_tag(event, path)
        if isinstance(event, ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        assert isinstance(event, MappingStartEvent), event
        return self._mapping(path)

    def _check_tag(self, event: Event, path: DocumentPath) -> None:
        tag = str(event.tag) if isinstance(event, TAGGED) and event.tag is not None else "!"
        if tag != "!":
            shown = shortened(tag.replace("tag:yaml.org,2002:", "!!"))
            self._report.error(path, f"the tag {shown} is not allowed; values are what they look like")

    def _sequence(self, path: DocumentPath) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            values.append(self._value(event, (*path, len(values))))
        return values

    def _mapping(self, path: DocumentPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._key(event, path)
            below = (*path, key)
            if key in values:
                self._report.key_places[below] = _place(event)
                self._report.error(below, f'the key "{shortened(key)}" stands here a second time', at_key=True)
            self._report.key_places[below] = _place(event)
            if key == "<<":
                self._report.error(below, "YAML 1.2 has no merge keys; write the keys out", at_key=True)
            following = self._next()
            # A value that was left out stands, to the parser, wherever the next thing begins.
            left_out = isinstance(following, ScalarEvent) and not following.value and not following.style
            self._report.places[below] = _place(event if left_out else following)
            values[key] = self._value(following, below)
        return values

    def _key(self, event: Event, path: DocumentPath) -> str:
        written = self._anchored(event, path)[0] if isinstance(event, AliasEvent) else event
        if not isinstance(written, ScalarEvent):
            self._report.places[path] = _place(event)
            self._report.error(path, "a key must be a plain word, not a list or a mapping")
            self._report.raise_errors()
            raise AssertionError("an error was reported")
        if written.anchor is not None:
            self._anchors[str(written.anchor)] = [written]
        self._check_tag(written, path)
        return self._text(written, path)

    def _text(self, event: ScalarEvent, path: DocumentPath) -> str:
        text = str(event.value)
        if text.isascii():
            return text
        try:
            # JSON writes what is beyond 16 bits as two escapes, which the YAML parser leaves apart.
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._report.error(path, "contains half of a surrogate pair, which is no character")
            return ""

    def _scalar(self, event: ScalarEvent, path: DocumentPath) -> Any:
        text = self._text(event, path)
        if event.style or (event.tag is not None and str(event.tag) == "!"):
            return text
        if _NULL.fullmatch(text):
            return None
        if _TRUE.fullmatch(text):
            return True
        if _FALSE.fullmatch(text):
            return False
        if _NOT_FINITE.fullmatch(text):
            self._report.error(path, f"{text} is not a finite number")
            return 0
        for form, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
            if form.fullmatch(text):
                return self._integer(text, base, path)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                self._report.error(path, f"{shortened(text)} is not a finite number")
                return 0
            return number
        return text

    def _integer(self, text: str, base: int, path: DocumentPath) -> int:
        if len(text) > 30 or not LEAST_INTEGER <= (number := int(text, 0 if base != 10 else 10)) <= GREATEST_INTEGER:
            self._report.error(path, "is an integer beyond 64 bits; write it as a string")
            return 0
        return number


def _place(event: Event) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1
