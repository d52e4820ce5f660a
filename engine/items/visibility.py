"""Visibility: who may know of an item (resource patterns 40, 41), by what its task says and what a person may see."""

from engine.items.work_item import ItemState, WorkItem
from engine.spec.model import Seen, Visibility


def is_visible(item: WorkItem, to: str, visibility: Visibility, overseen: frozenset[str]) -> bool:
    """Whether somebody may know of an item. `overseen` are those whose items he sees too."""
    offered = item.state is ItemState.OFFERED
    if item.owner == to or (offered and to in item.offered_to):
        return True
    seen = visibility.unallocated if item.owner is None else visibility.allocated
    if seen is Seen.EVERYBODY or (seen is Seen.OFFERED and to in item.offered_to):
        return True
    concerned = {*item.offered_to} if item.owner is None else {item.owner}
    return not overseen.isdisjoint(concerned)
