"""An installation for the tests of data patterns: the API, real connectors, and nobody else at work.

`settle` drains every shard and makes every call that waits, until nothing is left to do by itself.
"""

import re
from dataclasses import dataclass
from typing import Any

from connectors.port import CallRequest, Done, Failed, Outcome
from deploy.wiring import Parts
from engine.effects import Call
from engine.events import CallAnswered, CallFailed
from engine.replay import replay_journal
from engine.store import codec
from engine.store.port import Reported
from tests.api.bench import Answer, Bench, Caller

MOST_ROUNDS = 200
WORKER = "worker"


@dataclass
class Site:
    """The API as an administrator sees it, who is offered all work too."""

    bench: Bench
    admin: Caller

    @property
    def parts(self) -> Parts:
        return self.bench.parts

    # -- what is done ----------------------------------------------------------------------------------------------

    def deploy(self, text: str) -> None:
        answered = self.admin.deploy(text)
        assert answered.status_code == 201, answered.text

    def refused(self, text: str) -> list[str]:
        """What is wrong with a specification: the message of each error, without its place."""
        answered = self.admin.deploy(text)
        assert answered.status_code == 422, answered.text
        return [re.sub(r"^\S+ (\S+: )?", "", error["message"], count=1) for error in answered.json["errors"]]

    def start(self, specification: str, case_id: str, **data: Any) -> None:
        self.admin.start(specification, data, case_id=case_id)
        self.settle()

    def do(self, case_id: str, task: str, **output: Any) -> Answer:
        """The administrator starts an item and completes it."""
        item = self.item(case_id, task)
        if item["state"] != "started":
            self.move(item["item_id"], "start")
        return self.complete(item["item_id"], **output)

    def begin(self, case_id: str, task: str) -> str:
        """The administrator starts an item."""
        item_id = str(self.item(case_id, task)["item_id"])
        self.move(item_id, "start")
        return item_id

    def complete(self, item_id: str, **output: Any) -> Answer:
        answered = self.admin.post(f"/api/v1/work-items/{item_id}/complete", {"output": output})
        self.settle()
        return answered

    def move(self, item_id: str, name: str) -> None:
        answered = self.admin.post(f"/api/v1/work-items/{item_id}/{name}")
        assert answered.status_code == 200, answered.text
        self.settle()

    def give(self, case_id: str, **data: Any) -> Answer:
        """Somebody outside sets variables of a case."""
        answered = self.admin.post(f"/api/v1/cases/{case_id}/data", {"data": data})
        self.settle()
        return answered

    def share(self, kind: str, name: str, **data: Any) -> Answer:
        """Somebody outside sets what the cases of a specification, a folder or a case share."""
        answered = self.admin.post(f"/api/v1/shared/{kind}/{name}", {"data": data})
        self.settle()
        return answered

    def settle(self) -> None:
        """Everything that goes on by itself does."""
        for _ in range(MOST_ROUNDS):
            self.bench.drain()
            if not self.call():
                return
        raise AssertionError("it never comes to rest")

    def call(self) -> int:
        """Makes the calls that wait; says how many."""
        store, made = self.parts.store, 0
        for shard in range(store.shards):
            taken = store.take_calls(shard, WORKER, 100)
            reported = [self.outcome(call, attempt) for call, attempt in taken]
            if reported:
                store.report(shard, WORKER, reported)
            made += len(reported)
        return made

    def made(self, call: Call, attempt: int) -> Outcome:
        """A call is made, and nobody is told what came of it."""
        return self.parts.connectors.call(request_of(call, attempt))

    def outcome(self, call: Call, attempt: int) -> Reported:
        """What is reported of one attempt."""
        outcome = self.made(call, attempt)
        event: CallAnswered | CallFailed
        if isinstance(outcome, Done):
            event = CallAnswered(call.item, attempt, outcome.output)
        else:
            assert isinstance(outcome, Failed), outcome
            event = CallFailed(call.item, attempt, outcome.kind, outcome.message, outcome.retryable)
        return Reported(event, "", instance=call.instance is not None)

    # -- what stands -------------------------------------------------------------------------------------------------

    def case(self, case_id: str) -> dict[str, Any]:
        return dict(self.admin.get(f"/api/v1/cases/{case_id}").json)

    def data(self, case_id: str) -> dict[str, Any]:
        return dict(self.case(case_id)["data"])

    def status(self, case_id: str) -> str:
        return str(self.case(case_id)["status"])

    def shared(self, kind: str, name: str) -> dict[str, Any]:
        return dict(self.admin.get(f"/api/v1/shared/{kind}/{name}").json["data"])

    def offered(self, case_id: str) -> list[str]:
        """The tasks whose items are live, one name for each item."""
        found = self.admin.get("/api/v1/work-items", case_id=case_id).json["items"]
        return [item["task"] for item in found]

    def item(self, case_id: str, task: str) -> dict[str, Any]:
        """The oldest live item of a task."""
        found = self.admin.get("/api/v1/work-items", case_id=case_id, task=task).json["items"]
        assert found, f"no item of {task}: {self.case(case_id)}"
        return dict(found[0])

    def failure(self, case_id: str) -> tuple[str, str]:
        """Why a case failed."""
        failure = self.case(case_id)["failure"]
        return failure["kind"], failure["message"]

    def check_replay(self) -> None:
        """The journal of every case leads to what is stored."""
        store = self.parts.store
        cursor: str | None = None
        while True:
            page = self.admin.get("/api/v1/cases", limit=500, **({"cursor": cursor} if cursor else {})).json
            for shown in page["items"]:
                case_id = shown["case_id"]
                case = store.case(case_id)
                assert case is not None
                replayed = replay_journal(case_id, store.journal(case_id), self.parts.definitions.get)
                assert codec.pack_case(replayed.case) == codec.pack_case(case)
                assert replayed.items == {item.id: item for item in store.items_of(case_id)}
            cursor = page["next"]
            if cursor is None:
                return


def request_of(call: Call, attempt: int) -> CallRequest:
    """What a connector is asked for an attempt at a call."""
    return CallRequest(call.item, attempt, call.connector, call.config, call.input, call.timeout_s, "")
