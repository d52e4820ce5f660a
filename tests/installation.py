"""A whole installation of real processes for a test: workers, beat and API on a Redis of the test's own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import jwt
from redis import Redis

from deploy.credentials import signing_secret
from deploy.settings import VARIABLES, Settings
from deploy.wiring import Parts, build
from engine.case import Case
from engine.names import shard_of
from engine.replay import replay, stub_of
from engine.resources.organisation import Participant
from engine.spec.model import Specification
from engine.spec.read import read_specification
from engine.store import codec
from engine.store.registry import StoredSpecification
from engine.submission import submission
from tests.local_connectors import allowing_this_machine

PATIENCE_S = 60.0


class Installation:
    """Worker processes, beat, and the API if asked for. Everything is stopped when the block is left."""

    def __init__(
        self,
        redis_url: str,
        data_dir: Path,
        *,
        workers: int = 2,
        log: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        self.settings = Settings.from_environment(
            {
                **environment,
                "REDIS_URL": redis_url,
                "CASEWRIGHT_DATA_DIR": str(data_dir),
                "CASEWRIGHT_JWT_SECRET": "a secret of the tests alone, long enough for HS256",
                "CASEWRIGHT_LOG_LEVEL": "WARNING",
                "CASEWRIGHT_CONNECTORS": str(allowing_this_machine(data_dir)),
                **(variables or {}),
            }
        )
        self.environment = {**environment, **self.settings.environment(), "PYTHONUNBUFFERED": "1"}
        self.parts: Parts = build(self.settings)
        self._data_dir = data_dir
        self._log = (log or data_dir / "processes.log").open("ab")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._wanted = workers

    def __enter__(self) -> Self:
        for number in range(1, self._wanted + 1):
            self.start_worker(number)
        self.start_beat()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self._log.close()

    def start_beat(self) -> None:
        """Starts beat."""
        self._start("beat", "beat", "--schedule", str(self._data_dir / "beat-schedule"), "--pidfile=")

    def start_worker(self, number: int, queues: str = "dispatch,connect,upkeep") -> None:
        """Starts the n-th worker process."""
        self._start(
            f"worker-{number}", "worker", "--pool", "solo", "--queues", queues, "--hostname", f"worker-{number}@%h",
            "--without-gossip", "--without-mingle",
        )  # fmt: skip

    def start_api(self, port: int) -> str:
        """Starts the API under gunicorn; gives its address once it is live."""
        environment = {**self.environment, "CASEWRIGHT_PORT": str(port)}
        argv = [sys.executable, "-m", "gunicorn", "--config", "python:deploy.gunicorn_config", "api.wsgi:application"]
        self._processes["api"] = subprocess.Popen(argv, env=environment, stdout=self._log, stderr=self._log)
        return f"http://127.0.0.1:{port}"

    def kill(self, name: str) -> None:
        """Ends a process without warning, as a lost machine would."""
        process = self._processes.pop(name)
        process.kill()
        process.wait(10)

    def stop(self, name: str) -> None:
        """Ends a process as an operator would."""
        process = self._processes.pop(name)
        process.terminate()
        process.wait(30)

    def deploy(self, text: str) -> Specification:
        """Deploys a specification."""
        specification = read_specification(text)
        self.parts.registry.put_specification(
            StoredSpecification(
                specification.id, specification.version, dict(specification.document), text, "application/yaml"
            )
        )
        return specification

    def hire(self, *people: Participant) -> None:
        """Enters participants."""
        for person in people:
            self.parts.registry.put_participant(person)

    def submit(self, specification: Specification, data: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
        """Submits cases with these ids and data, a hundred at once."""
        submissions = [
            submission(specification, case_id, given, by="test", correlation_id=case_id, at=self.parts.store.now())
            for case_id, given in data
        ]
        for start in range(0, len(submissions), 100):
            chunk = submissions[start : start + 100]
            for submitted, answer in zip(chunk, self.parts.store.submit(chunk), strict=True):
                assert answer.accepted, submitted.stub.id
                if answer.ring:
                    self.parts.doorbell.ring(shard_of(submitted.stub.id, self.parts.store.shards))
        return [submitted.stub.id for submitted in submissions]

    def wait_until(self, fact: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
        """Waits for a fact; fails with what was waited for and what then stands."""
        until = time.monotonic() + within_s
        while not fact():
            assert time.monotonic() < until, f"{what} did not happen within {within_s} s; {self.parts.store.work()}"
            time.sleep(0.01)

    def wait_for_end(self, case_ids: Iterable[str], within_s: float = PATIENCE_S) -> list[Case]:
        """Waits until all these cases have ended."""
        left, ended = set(case_ids), dict[str, Case]()

        def all_ended() -> bool:
            cases = self.parts.store.load(left, []).cases
            ended.update({case_id: case for case_id, case in cases.items() if case.ended})
            left.difference_update(ended)
            return not left

        self.wait_until(all_ended, "the end of every case", within_s)
        return [ended[case_id] for case_id in sorted(ended)]

    def check_replay(self, case_ids: Iterable[str]) -> None:
        """Every case and every item is what its journal says."""
        for case_id in case_ids:
            case = self.parts.store.case(case_id)
            assert case is not None
            specification = self.parts.definitions.get(case.specification, case.specification_version)
            replayed = replay(specification, stub_of(case), self.parts.store.journal(case_id))
            assert codec.pack_case(replayed.case) == codec.pack_case(case)
            stored = {item.id: item for item in self.parts.store.items_of(case_id)}
            assert replayed.items == stored, case_id

    def completed_twice(self, case_ids: Iterable[str]) -> list[str]:
        """Cases in whose journal a run was completed more than once."""
        twice = []
        for case_id in case_ids:
            done = [
                note.number
                for entry in self.parts.store.journal(case_id)
                for note in entry.notes
                if note.what == "completed"
            ]
            if len(done) != len(set(done)):
                twice.append(case_id)
        return twice

    def ring_for(self, case_id: str) -> None:
        """Tells the workers of a case's shard."""
        self.parts.doorbell.ring(shard_of(case_id, self.parts.store.shards))

    def redis(self) -> "Redis":
        """A client that decodes nothing."""
        return Redis.from_url(self.settings.redis_url)

    def token(self, user: str) -> str:
        """An access token of a user, good for an hour."""
        now = int(time.time())
        claims = {
            "sub": user,
            "access": ["admin"],
            "resource": user,
            "type": "access",
            "jti": uuid4().hex,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
        }
        return jwt.encode(claims, signing_secret(self.settings), "HS256")

    def item_of(self, case_id: str, task: str) -> str:
        """The id of the live item of a task."""
        found = [item.id for item in self.parts.store.items_of(case_id) if item.task == task]
        assert found, f"case {case_id} has no item of {task}"
        return found[-1]

    def _start(self, name: str, command: str, *options: str) -> None:
        argv = [sys.executable, "-m", "celery", "--app", "workers.entry", "--quiet", command, *options]
        self._processes[name] = subprocess.Popen(
            [*argv, "--loglevel", "WARNING"], env=self.environment, stdout=self._log, stderr=self._log
        )
