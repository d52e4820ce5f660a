"""XML text as JSON, and back, as xmltodict does it.

An element is a mapping of its attributes (`@name`) and its elements; one that repeats is a list; one with text alone is
the text, an empty one null; text beside attributes is `#text`. White space around texts is not kept. Entities are
refused and nothing is fetched, so a text of a few bytes cannot become one of gigabytes.
"""

import re
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that no XML may hold, however they are written."""


class XmlInvalid(Exception):
    """A text is no XML, or a value cannot be written as XML."""


def read_xml(text: str) -> dict[str, Any]:
    """The document of a text. Raises `XmlInvalid`."""
    try:
        return dict(xmltodict.parse(text, disable_entities=True))
    except (ExpatError, ValueError) as error:
        raise XmlInvalid(f"is not XML: {error}") from None


def write_xml(document: Any) -> str:
    """The text of a document: a mapping with one key, the root element. Raises `XmlInvalid`."""
    if not isinstance(document, dict) or len(document) != 1 or isinstance(next(iter(document.values())), list):
        raise XmlInvalid("XML has one root element: a mapping with one key, and no list in it")
    try:
        text = xmltodict.unparse(document, full_document=False, short_empty_elements=True)
        # What it wrote must be read by everybody: it checks names and not characters.
        if _FORBIDDEN.search(text):
            raise XmlInvalid("holds a character that XML does not have")
        xmltodict.parse(text, disable_entities=True)
    except (ExpatError, ValueError) as error:
        raise XmlInvalid(f"cannot be written as XML: {error}") from None
    return str(text)
