"""Allocators that other packages bring, by the entry points of the group `casewright.allocators`."""

from importlib.metadata import entry_points

from engine.resources.allocators import ALLOCATORS, Allocator

GROUP = "casewright.allocators"


class AllocatorUnusable(Exception):
    """A package brings an allocator that cannot be used."""


def installed_allocators() -> dict[str, Allocator]:
    """The allocators by name. Raises `AllocatorUnusable`."""
    found: dict[str, Allocator] = {}
    for entry in entry_points(group=GROUP):
        if entry.name in ALLOCATORS or entry.name in found:
            raise AllocatorUnusable(f"there are two allocators {entry.name}; rename the entry point {entry.value}")
        try:
            allocator = entry.load()
        except (ImportError, AttributeError) as error:
            raise AllocatorUnusable(f"the allocator {entry.name} ({entry.value}) cannot be loaded: {error}") from error
        if not callable(allocator):
            raise AllocatorUnusable(f"the allocator {entry.name} ({entry.value}) is no function")
        found[entry.name] = allocator
    return found
