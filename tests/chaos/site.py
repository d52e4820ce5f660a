"""An installation whose every part can be hurt: Redis, the broker, the network between, workers, beat and the API."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock, Thread
from types import TracebackType
from typing import Self
from uuid import uuid4

import jwt

from api.client import ApiUnreachable, Client
from deploy.settings import VARIABLES, Settings
from deploy.wiring import Parts, build
from engine.resources.organisation import Participant
from engine.spec.read import read_specification
from engine.store.registry import StoredSpecification, User
from tests.chaos.clock import MovableClock
from tests.chaos.ports import HOST, free_port
from tests.chaos.proxy import Proxy
from tests.chaos.redis_process import RedisProcess
from tests.chaos.service import Service
from tests.chaos.specifications import CLERKS, SERVICE, TEXTS
from tests.local_connectors import allowing_this_machine

SECRET = "a secret of the tests alone, long enough for HS256"
DESK = "desk"
"""The user who submits cases and administers items."""

WORKERS = "workers.entry"
API = "api.wsgi"
READY_WITHIN_S = 60.0
ENDS_WITHIN_S = 30.0
POLL_S = 0.02
SUPERVISED_EVERY_S = 1.0

REPLICA_LAG_S = 0.2
"""In one direction. On one machine replication takes no time, and a failover would lose nothing worth the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which parts there are.

    `redis` are options of the state's Redis. With `own_broker` the broker is another one. `proxied`: workers, beat and
    API reach the state's Redis through a proxy. `replicated` (and proxied): the state's Redis has a replica, which
    hears of everything `REPLICA_LAG_S` later. `movable_clock`: the clock of the state's Redis can be moved. `settings`
    are variables of all processes.
    """

    redis: tuple[str, ...] = ()
    own_broker: bool = False
    proxied: bool = False
    replicated: bool = False
    movable_clock: bool = False
    workers: int = 2
    beats: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)


class Site:
    """Real processes of one layout, in a directory of their own. Everything has ended when the block is left."""

    def __init__(self, directory: Path, layout: Layout) -> None:
        self.directory = directory
        self.layout = layout
        self._clock = MovableClock(directory / "clock") if layout.movable_clock else None
        self.state = RedisProcess(directory / "state", *layout.redis, clock=self._clock)
        self._own_broker = RedisProcess(directory / "broker") if layout.own_broker else None
        self._proxy = Proxy(self.state.port) if layout.proxied else None
        self._replica = RedisProcess(directory / "replica", *layout.redis) if layout.replicated else None
        self._replication = Proxy(self.state.port) if layout.replicated else None
        self.service = Service()
        self._log_path = directory / "processes.log"
        self._log = self._log_path.open("ab")
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._supervised: set[str] = set()
        self._changing = RLock()
        self._over = Event()
        self.restarted: Counter[str] = Counter()
        self._closing = ExitStack()
        self.api_port = free_port()
        # What the tests themselves look at is beyond the proxy, except where they could not find it after a failover.
        seen = self.proxy.url if layout.replicated else self.state.url
        self.settings = Settings.from_environment(self._environment(seen))
        self.parts: Parts

    # -- parts ---------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://{HOST}:{self.api_port}"

    @property
    def broker(self) -> RedisProcess:
        """The broker's own Redis."""
        assert self._own_broker is not None, "the broker is the state's Redis in this layout"
        return self._own_broker

    @property
    def proxy(self) -> Proxy:
        """What stands before the state's Redis."""
        assert self._proxy is not None, "there is no proxy in this layout"
        return self._proxy

    @property
    def clock(self) -> MovableClock:
        """The clock of the state's Redis."""
        assert self._clock is not None, "no clock can be moved in this layout"
        return self._clock

    @property
    def worker_names(self) -> list[str]:
        """The names of all workers."""
        return [f"worker-{number}" for number in range(1, self.layout.workers + 1)]

    @property
    def beat_names(self) -> list[str]:
        """The names of all beats."""
        return [f"beat-{number}" for number in range(1, self.layout.beats + 1)]

    def client(self, user: str) -> Client:
        """A client of the API that is this user."""
        return Client(self.url, self.token(user))

    def new_file(self, kind: str) -> Path:
        """The name of a file that does not exist."""
        return self.directory / f"{kind}-{uuid4().hex}"

    def hire(self, person: str) -> None:
        """Enters one more clerk."""
        self.parts.registry.put_participant(Participant(person, person.title(), roles=("clerk",)))
        self.parts.registry.add_user(User(person, access=("participant",)))

    def log(self) -> str:
        """What all processes have said."""
        return self._log_path.read_text(errors="replace")

    # -- beginning and end ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        with ExitStack() as closing:
            closing.callback(self._log.close)
            closing.enter_context(self.service)
            closing.callback(lambda: self.state.close())
            self.state.start()
            if self._own_broker is not None:
                closing.callback(self._own_broker.close)
                self._own_broker.start()
            if self._proxy is not None:
                closing.enter_context(self._proxy)
            if self._replica is not None and self._replication is not None:
                closing.callback(lambda: self._replica.close() if self._replica is not None else None)
                self._replica.start()
                closing.enter_context(self._replication)
                self._follow()
            self.parts = build(self.settings)
            closing.callback(self._end_all)
            self._populate()
            for name in (*self.worker_names, *self.beat_names, "api"):
                self.start(name)
            supervisor = Thread(target=self._supervise, name="supervisor", daemon=True)
            supervisor.start()
            closing.callback(supervisor.join)
            closing.callback(self._over.set)
            self.wait_until_ready()
            self._closing = closing.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._closing.close()

    def wait_until_ready(self) -> None:
        """Waits until the API serves requests, every worker has drained something, and beat fires timers."""
        with_api = self.client(DESK)
        self.wait_until(lambda: _is_ready(with_api), "the API")
        case_id = f"warm-{uuid4().hex[:8]}"
        with_api.start_case("timed", {"key": case_id}, case_id=case_id)
        self.wait_until(lambda: self._has_ended(case_id), "the end of the first case")
        with_api.close()

    def wait_until(self, fact: Callable[[], bool], what: str, within_s: float = READY_WITHIN_S) -> None:
        """Waits for a fact; fails with what was waited for."""
        until = time.monotonic() + within_s
        while not fact():
            assert time.monotonic() < until, f"{what} did not happen within {within_s} s:\n{self.log()[-4000:]}"
            time.sleep(POLL_S)

    # -- hurting -------------------------------------------------------------------------------------------------------

    def start(self, name: str, module: str | None = None, extra: Mapping[str, str] | None = None) -> None:
        """Starts a process that does not run: `worker-<n>`, `beat-<n>` or `api`, or a module in its place."""
        url = self._proxy.url if self._proxy is not None else self.state.url
        with self._changing:
            assert name not in self._running, f"{name} runs"
            self._running[name] = subprocess.Popen(
                self._command(name, module),
                env={**self._environment(url), **(extra or {}), "PYTHONUNBUFFERED": "1"},
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
            if module is None:
                self._supervised.add(name)

    def kill(self, *names: str) -> None:
        """Ends processes, and what they have started, without warning."""
        self._end(signal.SIGKILL, names)

    def stop(self, *names: str) -> None:
        """Ends processes as an operator would."""
        self._end(signal.SIGTERM, names)

    def restart(self, *names: str) -> None:
        """Kills processes and starts them again at once, as a supervisor would."""
        self.kill(*names)
        for name in names:
            self.start(name)

    def fail_over(self) -> float:
        """The state's Redis is lost, and its replica takes its place; what was on its way to the replica is lost too.

        Then the lost one comes back as the replica of the other. Gives the moment of the loss (monotonic seconds).
        """
        assert self._replica is not None and self._replication is not None, "there is no replica in this layout"
        self.state.kill()
        self._replication.cut()
        lost_at = time.monotonic()
        self._replica.lead()
        self.state, self._replica = self._replica, self.state
        self.proxy.lead_to(self.state.port)
        self._replica.start()
        self._follow()
        return lost_at

    def _follow(self) -> None:
        assert self._replica is not None and self._replication is not None
        self._replication.delay(0.0)
        self._replication.lead_to(self.state.port)
        self._replica.follow(self._replication.port)
        self._replication.delay(REPLICA_LAG_S)

    def go_on(self, name: str) -> None:
        """Lets a halted process go on."""
        os.killpg(self.pid(name), signal.SIGCONT)

    def pid(self, name: str) -> int:
        """The id of a process."""
        return self._running[name].pid

    def has_ended(self, name: str) -> bool:
        """Whether a process has ended by itself."""
        return self._running[name].poll() is not None

    def is_halted(self, name: str) -> bool:
        """Whether a process is stopped by a signal."""
        status = Path(f"/proc/{self.pid(name)}/stat").read_text()
        return status.rpartition(")")[2].split()[0] == "T"

    def forget(self, name: str) -> int:
        """Takes note of a process that has ended by itself; its exit code."""
        with self._changing:
            return self._running.pop(name).wait(ENDS_WITHIN_S)

    # -- within --------------------------------------------------------------------------------------------------------

    def _end(self, how: signal.Signals, names: Sequence[str]) -> None:
        with self._changing:
            self._supervised.difference_update(names)
        for name in names:
            with suppress(ProcessLookupError):
                os.killpg(self.pid(name), how)
        for name in names:
            self._running[name].wait(ENDS_WITHIN_S)
            with self._changing:
                del self._running[name]

    def _supervise(self) -> None:
        """One thread: what has ended by itself is started again a second later, as the supervisor of a machine does."""
        while not self._over.wait(SUPERVISED_EVERY_S):
            with self._changing:
                for name in tuple(self._supervised):
                    if self.has_ended(name):
                        del self._running[name]
                        self.restarted[name] += 1
                        self.start(name)

    def _command(self, name: str, module: str | None) -> list[str]:
        kind, _, number = name.partition("-")
        if kind == "api":
            served = f"{module or API}:application"
            return [sys.executable, "-m", "gunicorn", "--config", "python:deploy.gunicorn_config", served]
        celery = [sys.executable, "-m", "celery", "--app", module or WORKERS, "--quiet"]
        if kind == "beat":
            schedule = str(self.directory / f"beat-schedule-{number}")
            return [*celery, "beat", "--schedule", schedule, "--pidfile=", "--loglevel", "WARNING"]
        return [
            *celery, "worker", "--pool", "solo", "--queues", "dispatch,connect,upkeep", "--hostname", f"{name}@%h",
            "--without-gossip", "--without-mingle", "--loglevel", "WARNING",
        ]  # fmt: skip

    def _environment(self, redis_url: str) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        environment |= {
            "REDIS_URL": redis_url,
            "CASEWRIGHT_DATA_DIR": str(self.directory),
            "CASEWRIGHT_JWT_SECRET": SECRET,
            "CASEWRIGHT_LOG_LEVEL": "WARNING",
            # The service fails so often by design that its breaker would open, and no crash would be hit.
            "CASEWRIGHT_CONNECTORS": str(allowing_this_machine(self.directory, ", breaker: off")),
            "CASEWRIGHT_PORT": str(self.api_port),
            **self.layout.settings,
        }
        if self._own_broker is not None:
            environment["CASEWRIGHT_BROKER_URL"] = self._own_broker.url
        return environment

    def _populate(self) -> None:
        registry = self.parts.registry
        for person in CLERKS:
            self.hire(person)
        registry.put_participant(Participant(DESK, "Desk"))
        registry.add_user(User(DESK, access=("admin",)))
        for text in TEXTS:
            text = text.replace(SERVICE, self.service.url)
            specification = read_specification(text)
            document = dict(specification.document)
            registry.put_specification(
                StoredSpecification(specification.id, specification.version, document, text, "application/yaml")
            )

    def token(self, user: str) -> str:
        """An access token of a user, good for a day."""
        now = int(time.time())
        access = ["admin" if user == DESK else "participant"]
        claims = {"sub": user, "access": access, "resource": user, "type": "access", "jti": uuid4().hex}
        return jwt.encode({**claims, "iat": now - 60, "nbf": now - 60, "exp": now + 86_400}, SECRET, "HS256")

    def _has_ended(self, case_id: str) -> bool:
        case = self.parts.store.case(case_id)
        return case is not None and case.ended

    def _end_all(self) -> None:
        for process in self._running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGCONT)
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(ENDS_WITHIN_S)


def _is_ready(client: Client) -> bool:
    try:
        return bool(client.ready()["status"] == "ready")
    except ApiUnreachable:
        return False
