"""What gunicorn loads as `tests.chaos.failing_api:application`: the API, but for its failpoint."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Flask

from api.app import create_app
from api.logs import set_up_logs
from deploy.settings import Settings
from tests.chaos.failing_parts import build_failing
from tests.chaos.failpoints import ANSWER, Counter, When

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
READING = "GET"


class FailingAnswers:
    """Fails when the work of a request that changes something is done: before its answer is sent, or just after."""

    def __init__(self, inner: Flask, counter: Counter) -> None:
        self._inner = inner
        # What ends the event streams when the process is asked to end looks here.
        self.extensions = inner.extensions
        self._counter = counter

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = self._inner(environ, start_response)
        if environ["REQUEST_METHOD"] == READING or not self._counter.is_due():
            return answer
        if self._counter.failpoint.when is When.BEFORE:
            self._counter.fail()
        return self._failing_after(answer)

    def _failing_after(self, answer: Iterable[bytes]) -> Iterator[bytes]:
        # The server writes each piece before it asks for the next.
        yield from answer
        self._counter.fail()


_settings = Settings.from_environment(os.environ)
set_up_logs(_settings.log_level)
_counter = Counter.from_environment(os.environ)
_app = create_app(build_failing(_settings, _counter))
application = FailingAnswers(_app, _counter) if _counter.failpoint.operation == ANSWER else _app
