"""The workload: clients that submit cases and people who do what waits for them, each in a thread, all over HTTP.

Whoever gets no answer asks again with the same key until there is a definite one. Every call is kept in the history.
"""

import random
import time
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any

from api.client import ApiProblem, ApiUnreachable, Client
from tests.chaos.history import Answer, Call, History, Operation

AGAIN_AFTER_S = 0.1
IDLE_S = 0.05
TOO_BUSY = 429
UNAVAILABLE = 500
"""From this status on an answer says nothing about what was done."""

ITEMS_LISTED = 20

Ask = Callable[[Client], Mapping[str, Any]]


class Recorder:
    """A client whose calls are kept in a history."""

    def __init__(self, name: str, client: Client, history: History) -> None:
        self.name = name
        self._client = client
        self._history = history

    def ask(self, operation: Operation, subject: str, ask: Ask, output: Any = None) -> tuple[Call, Mapping[str, Any]]:
        """Makes a call and keeps it. Gives it with the document of the answer."""
        sent_at = time.monotonic()
        document: Mapping[str, Any] = {}
        status, code = 200, ""
        try:
            document = ask(self._client)
            answer = Answer.OK
        except ApiProblem as problem:
            answer = Answer.UNKNOWN if problem.status >= UNAVAILABLE else Answer.REFUSED
            status, code = problem.status, problem.code
        except ApiUnreachable as silence:
            answer, status, code = Answer.UNKNOWN, 0, str(silence)
        given = str(document.get("case_id", ""))
        call = Call(self.name, operation, subject, sent_at, time.monotonic(), answer, status, code, given, output)
        self._history.add(call)
        return call, document

    def until_definite(self, operation: Operation, subject: str, ask: Ask, stopped: Event, output: Any = None) -> None:
        """Makes a call again and again until it is answered with success or refused for good."""
        while True:
            call, _ = self.ask(operation, subject, ask, output)
            if call.answer is not Answer.UNKNOWN and call.status != TOO_BUSY:
                return
            if stopped.wait(AGAIN_AFTER_S):
                return


class Submitter:
    """Submits cases of all kinds, so many a second, until it is told to stop. Each has a key; every other one an id."""

    def __init__(self, run: str, number: int, recorder: Recorder, kinds: tuple[str, ...], per_s: float) -> None:
        self._prefix = f"{run}-{number}"
        self._recorder = recorder
        self._kinds = kinds
        self._per_s = per_s
        self._chance = random.Random(self._prefix)

    def work(self, stopped: Event, given_up: Event) -> None:
        """One thread. Stops beginning cases when `stopped`; gives up unanswered ones when `given_up`."""
        count = 0
        due = time.monotonic()
        while not stopped.wait(max(due - time.monotonic(), 0)):
            due = max(due, time.monotonic() - 1) + 1 / self._per_s
            count += 1
            self._submit(f"{self._prefix}-{count}", self._chance.choice(self._kinds), count % 2 == 0, given_up)

    def _submit(self, key: str, kind: str, named: bool, given_up: Event) -> None:
        case_id = key if named else None
        self._recorder.until_definite(
            Operation.SUBMIT,
            key,
            lambda client: client.start_case(kind, {"key": key}, case_id=case_id, idempotency_key=key),
            given_up,
        )


class Person:
    """Does what waits: claims, starts and completes items, in competition with others to whom they are offered."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._me = recorder.name
        self._chance = random.Random(recorder.name)

    def work(self, stopped: Event) -> None:
        """One thread, until nothing is left to do."""
        while not stopped.is_set():
            call, page = self._recorder.ask(Operation.LIST, "", lambda client: client.items(limit=ITEMS_LISTED))
            items = list(page["items"]) if call.answer is Answer.OK else []
            self._chance.shuffle(items)
            for item in items:
                if not stopped.is_set():
                    self._do(item, stopped)
            if not items:
                stopped.wait(IDLE_S)

    def _do(self, item: Mapping[str, Any], stopped: Event) -> None:
        """Moves an item on from where it stands, as far as it goes without an unknown outcome."""
        item_id, state = str(item["item_id"]), item["state"]
        if state == "offered" and item["task"] == "pick":
            state = "allocated" if self._moved(Operation.CLAIM, item_id, lambda c: c.claim(item_id)) else ""
        if state in ("offered", "allocated"):
            state = "started" if self._moved(Operation.START, item_id, lambda c: c.start(item_id)) else ""
        if state == "started":
            output, key = {"by": self._me}, f"{self._me}:{item_id}"
            self._recorder.until_definite(
                Operation.COMPLETE,
                item_id,
                lambda client: client.complete(item_id, output, idempotency_key=key),
                stopped,
                output,
            )

    def _moved(self, operation: Operation, item_id: str, ask: Ask) -> bool:
        return self._recorder.ask(operation, item_id, ask)[0].answer is Answer.OK


def in_thread(name: str, work: Callable[..., None], *arguments: Any) -> Thread:
    """Starts a client."""
    thread = Thread(target=work, args=arguments, name=name, daemon=True)
    thread.start()
    return thread
