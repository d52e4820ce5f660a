"""`casewright up` as its user runs it, for tests: started, asked, hurt, stopped, started again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from api.client import ApiUnreachable, Client
from deploy.settings import VARIABLES
from tests.chaos.ports import free_port

READY_WITHIN_S = 60.0

MAIN = "from deploy.script import main; main()"


class Up:
    """One installation on this machine, with its files in `data_dir`."""

    def __init__(self, data_dir: Path, *options: str, redis_url: str | None = None) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self.environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        self.environment |= {
            "CASEWRIGHT_DATA_DIR": str(data_dir),
            "CASEWRIGHT_URL": self.url,
            "HOME": str(data_dir),
        }
        if redis_url is not None:
            self.environment["REDIS_URL"] = redis_url
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Starts everything and waits until the API is ready."""
        argv = [sys.executable, "-c", MAIN, "up", "--port", str(self.port), "--no-flower", *self._options]
        with (self.data_dir / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        client = Client(self.url)
        until = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                client.ready()
                return
            except ApiUnreachable:
                assert time.monotonic() < until, f"not ready in time: {self.log()}"
                assert self._process.poll() is None, f"it ended: {self.log()}"
                time.sleep(0.05)

    def stop(self) -> int:
        """Stops everything, as Ctrl-C would; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)

    def kill_a_worker(self) -> None:
        """Ends a worker process without warning."""
        assert self._process is not None
        listed = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self._process.pid)],
            capture_output=True,
            text=True,
            check=True,
        )
        workers = [line.split()[0] for line in listed.stdout.splitlines() if "worker-1@" in line]
        assert len(workers) == 1, listed.stdout
        os.kill(int(workers[0]), signal.SIGKILL)

    def client(self) -> Client:
        """A client that is the administrator."""
        return Client(self.url, self.run("token").stdout.strip())

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a command of `casewright`."""
        return subprocess.run(
            [sys.executable, "-c", MAIN, *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def log(self) -> str:
        """The end of what it has said."""
        return (self.data_dir / "up.log").read_text(errors="replace")[-4000:]
