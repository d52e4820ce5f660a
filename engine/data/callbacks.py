"""Callback URLs in configurations, as far as the engine knows of them.

In the config of a connector `{callback: url}` stands for the URL at which the outcome of the call itself is awaited,
`{callback: {item: ID}}` for that of another item, and `{callback: {task: NAME}}` for that of the item which task NAME
has out in the same case. The engine turns the last into the second when it places the call; the worker makes URLs of
the others, because they are signed, so that no case and no journal holds one.
"""

from collections.abc import Callable, Iterator
from typing import Any

Place = tuple[str | int, ...]


def looks_like_callback(value: Any) -> bool:
    """Whether a value would become a URL in a configuration."""
    if not isinstance(value, dict) or set(value) != {"callback"}:
        return False
    wanted = value["callback"]
    return isinstance(wanted, str) or (isinstance(wanted, dict) and set(wanted) in ({"item"}, {"task"}))


def tasks_named(config: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """The tasks whose callback URLs a configuration asks for, each with its place."""
    if _names_task(config):
        yield (*place, "callback", "task"), config["callback"]["task"]
    elif isinstance(config, dict):
        for key, each in config.items():
            yield from tasks_named(each, (*place, key))
    elif isinstance(config, list):
        for index, each in enumerate(config):
            yield from tasks_named(each, (*place, index))


def with_items(config: Any, item_of: Callable[[str], str]) -> Any:
    """A copy of a configuration that names items where it named tasks. `item_of` may raise."""
    if _names_task(config):
        return {"callback": {"item": item_of(config["callback"]["task"])}}
    if isinstance(config, dict):
        return {key: with_items(each, item_of) for key, each in config.items()}
    if isinstance(config, list):
        return [with_items(each, item_of) for each in config]
    return config


def _names_task(value: Any) -> bool:
    return looks_like_callback(value) and isinstance(value["callback"], dict) and "task" in value["callback"]
