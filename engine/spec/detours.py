"""Privileges and visibility of a task as written, compiled."""

from collections.abc import Mapping
from typing import Any

from engine.items.privileges import EVERYBODY, NOBODY, Grant, TaskPrivilege
from engine.spec.model import Seen, Visibility

_WORDS = {"all": EVERYBODY, "none": NOBODY}


def privileges(written: Mapping[str, Any]) -> dict[TaskPrivilege, Grant]:
    """What a task grants, as far as it says so."""
    return {TaskPrivilege(name): _grant(grant) for name, grant in written.get("privileges", {}).items()}


def visibility(written: Mapping[str, Any]) -> Visibility:
    """Who may know of a task's items."""
    said = {name: Seen(seen) for name, seen in written.get("visibility", {}).items()}
    return Visibility(**said)


def _grant(written: Any) -> Grant:
    if isinstance(written, str):
        return _WORDS[written]
    return Grant(False, frozenset(written.get("participants", ())), frozenset(written.get("roles", ())))
