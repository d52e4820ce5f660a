"""XML as JSON values, by the convention of xmltodict: elements are keys, attributes keys with `@`, text `#text`.

`<order id="7"><line>a</line><line>b</line></order>` is `{"order": {"@id": "7", "line": ["a", "b"]}}`, so a JSONPath
reaches into it: `$.body.order.line[0]`. Prefixes of namespaces stay part of the names.

A document that declares entities is refused (no expansion, no file or address is ever read: CWE-611, CWE-776), and so
is one that is nested deeper than `MAX_DEPTH`.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict

MAX_DEPTH = 100


class XmlInvalid(Exception):
    """A document that is no XML, or more than is accepted of it."""


def parse(content: bytes, charset: str | None) -> Any:
    """The value of a document; `charset` takes precedence over what it says itself. Raises `XmlInvalid`."""
    try:
        value = xmltodict.parse(content, encoding=charset, disable_entities=True)
    except (ExpatError, ValueError, LookupError) as error:
        raise XmlInvalid(str(error)) from error
    if _depth(value) > MAX_DEPTH:
        raise XmlInvalid(f"it is nested deeper than {MAX_DEPTH} elements")
    return value


def write(value: Any) -> bytes:
    """The document of a mapping with one key, its root element. Raises `ValueError` for what no document says."""
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ValueError("an XML body is a mapping with one key, the root element")
    [root] = value.values()
    if isinstance(root, list):
        raise ValueError("an XML body has one root element")
    written = str(xmltodict.unparse(dict(value))).encode()
    try:
        parse(written, None)
    except XmlInvalid as error:
        # Control characters, for instance, are no part of XML, and nothing can stand for them.
        raise ValueError(f"this cannot be said in XML: {error}") from error
    return written


def _depth(value: Any) -> int:
    """How deep mappings and lists are nested; counted without recursion, which a deep document would exhaust."""
    depth, level = 0, [value]
    while level and depth <= 2 * MAX_DEPTH:
        depth, level = depth + 1, [entry for each in level for entry in _inside(each)]
    return depth


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
