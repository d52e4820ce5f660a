"""A real redis-server that can be stopped, killed, halted and started again at the same address on the same files."""

import os
import resource
import signal
import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from deploy.embedded_redis import find_redis_server
from tests.chaos.clock import MovableClock
from tests.chaos.ports import HOST, free_port

READY_WITHIN_S = 30.0
ENDS_WITHIN_S = 30.0
POLL_S = 0.01

APPEND_ONLY_FILE = "appendonly.aof"


class RedisProcess:
    """One redis-server with its files in `directory`. `options` are those of its command line; with a `clock` it goes
    by that."""

    def __init__(self, directory: Path, *options: str, clock: MovableClock | None = None) -> None:
        self.port = free_port()
        self.directory = directory
        self.options = options
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://{HOST}:{self.port}/0"

    @property
    def append_only_file(self) -> Path:
        """The file of a Redis 6.2."""
        return self.directory / APPEND_ONLY_FILE

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def client(self) -> "Redis":
        """A client that decodes nothing."""
        return Redis(host=HOST, port=self.port, socket_timeout=READY_WITHIN_S)

    def start(self) -> None:
        """Starts it and waits until it answers, its file loaded."""
        assert self._process is None, "it runs"
        server = find_redis_server(os.environ)
        argv = [str(server.executable), "--port", str(self.port), "--bind", HOST, "--save", ""]
        environment = {**os.environ, "LC_ALL": "C", **(self._clock.environment if self._clock is not None else {})}
        with (self.directory / "redis.log").open("ab") as log:
            # As Python ignores SIGXFSZ and does not restore it, a file that may not grow is an error of the write.
            self._process = subprocess.Popen(
                [*argv, "--dir", str(self.directory), *self.options],
                stdout=log,
                stderr=log,
                env=environment,
                restore_signals=False,
            )
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        """Waits until it answers a PING."""
        assert self._process is not None
        until = time.monotonic() + READY_WITHIN_S
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except RedisError:
                    assert self._process.poll() is None, "the redis-server ended"
                    assert time.monotonic() < until, "the redis-server does not answer"
                    time.sleep(POLL_S)

    def follow(self, port: int) -> None:
        """Becomes a replica of the Redis at this port, and waits until it has all its data."""
        with self.client() as client:
            client.replicaof(HOST, port)
            until = time.monotonic() + READY_WITHIN_S
            while client.info("replication")["master_link_status"] != "up":
                assert time.monotonic() < until, "the replica does not catch up"
                time.sleep(POLL_S)

    def lead(self) -> None:
        """Is a replica no longer."""
        with self.client() as client:
            client.replicaof("NO", "ONE")

    def has_ended(self) -> bool:
        """Whether the process ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Ends it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it without warning."""
        self._end(signal.SIGKILL)

    def halt(self) -> None:
        """Lets it do nothing more; its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Lets a halted one go on."""
        os.kill(self.pid, signal.SIGCONT)

    def limit_files(self, size: int | None) -> None:
        """No file that it writes may become longer than this, as on a full disk; None: any may."""
        most = resource.RLIM_INFINITY
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most if size is None else size, most))

    def close(self) -> None:
        """Ends it if it runs."""
        if self._process is not None:
            self.kill()

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(how)
        self._process.wait(ENDS_WITHIN_S)
        self._process = None
