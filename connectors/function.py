"""The `function` connector: calls a Python function of the installation, in the worker itself.

Its config is `{function: "package.module:name"}`; the task's input becomes the keyword arguments, the function's result
the output. Only what the installation's allow list names can be called, since a specification is data from outside.
"""

import importlib
import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.config import Path, Unknown, anything, bad_config, check_deployed, table, text_that
from connectors.port import CallRequest, ConfigProblem, Done, Failed, FailureKind, Outcome

MAX_DEPTH = 100
"""How deep a result may be nested. A list that holds itself is caught here too."""

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_NAME = re.compile(rf"({_IDENTIFIER}(?:\.{_IDENTIFIER})*):({_IDENTIFIER})")
_ALLOWED = re.compile(rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*:(?:{_IDENTIFIER}|\*)")
_HALF_PAIR = re.compile("[\ud800-\udfff]")

log = logging.getLogger(__name__)


class FunctionConnector:
    """Calls functions by name.

    `allowed` holds names, `package.module:name` or `package.module:*`. The second stands for the public functions that
    the module itself defines, not for what it imports. Raises `ValueError` for an entry of another form.

    The function runs in the calling thread and cannot be stopped: `timeout_s` binds only a function that keeps to it.
    """

    def __init__(self, allowed: Iterable[str], name: str = "function") -> None:
        self.name = name
        self._allowed = frozenset(allowed)
        for entry in self._allowed:
            if _ALLOWED.fullmatch(entry) is None:
                raise ValueError(f"{entry!r} is neither package.module:name nor package.module:*")

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return check_deployed(self._check, config)

    def call(self, request: CallRequest) -> Outcome:
        problems = _CONFIG(request.config, ())
        if problems:
            return bad_config(problems)
        name = request.config["function"]
        if not self._allows(name):
            return Failed(FailureKind.REFUSED, f"{name} may not be called", retryable=False)
        return self._called(name, request)

    def close(self) -> None:
        pass

    def _check(self, config: Any, path: Path) -> list[ConfigProblem]:
        problems = _CONFIG(config, path)
        if problems or isinstance(config["function"], Unknown) or self._allows(config["function"]):
            return problems
        return [ConfigProblem((*path, "function"), "may not be called: it is not on the allow list")]

    def _allows(self, name: str) -> bool:
        module, _, function = name.partition(":")
        return name in self._allowed or (f"{module}:*" in self._allowed and not function.startswith("_"))

    def _called(self, name: str, request: CallRequest) -> Outcome:
        try:
            function = self._function(name)
            if function is None:
                return Failed(FailureKind.BAD_CONFIG, f"there is no function {name}", retryable=False)
            result = function(**request.input)
        except Exception as error:
            # The function belongs to the installation, and what it or its module raises is what came of the call.
            log.exception("%s raised in attempt %d at %s", name, request.attempt, request.item_id)
            return Failed(FailureKind.RAISED, f"{type(error).__name__}: {error}", retryable=False)
        problem = _not_json(result, "$", MAX_DEPTH)
        if problem is not None:
            return Failed(FailureKind.BAD_RESPONSE, f"the result of {name} is not JSON: {problem}", retryable=False)
        return Done(result)

    def _function(self, name: str) -> Callable[..., Any] | None:
        module_name, _, function_name = name.partition(":")
        try:
            found = vars(importlib.import_module(module_name)).get(function_name)
        except ModuleNotFoundError as error:
            if f"{module_name}.".startswith(f"{error.name}."):
                return None
            raise  # The module is there, and one that it needs is not.
        if not callable(found):
            return None
        # An imported name is callable too, and allowing a module is not meant to allow what it uses.
        own = name in self._allowed or found.__module__ == module_name
        return found if own else None


_CONFIG = table(
    {
        "function": text_that(lambda name: _NAME.fullmatch(name) is not None, "of the form package.module:name"),
        "timeout_s": anything,
    },
    required=("function",),
)
"""`timeout_s` is the engine's, and comes with the request."""


def _not_json(value: Any, path: str, depth: int) -> str | None:
    """Where and why a value is not JSON, or None. Only the plain types count: their subclasses come back as others."""
    if depth == 0:
        return f"{path[:50]} is nested too deep"
    if type(value) is dict:
        return _first(
            _not_json(entry, f"{path}.{key}", depth - 1) if _is_text(key) else f"{path} has the key {key!r}"
            for key, entry in value.items()
        )
    if type(value) is list:
        return _first(_not_json(entry, f"{path}[{index}]", depth - 1) for index, entry in enumerate(value))
    if type(value) is float:
        return None if math.isfinite(value) else f"{path} is {value}"
    if type(value) is str:
        return None if _is_text(value) else f"{path} holds half a surrogate pair"
    return None if value is None or type(value) in (bool, int) else f"{path} is a {type(value).__name__}"


def _is_text(value: Any) -> bool:
    return type(value) is str and _HALF_PAIR.search(value) is None


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem is not None), None)
