"""How gunicorn serves the API: one process with threads. A file of settings: gunicorn reads the names below.

One process, because what an API process keeps (waiters, event streams, compiled specifications) it keeps once; threads,
because a request mostly waits for Redis. More processes are more containers.
"""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from deploy.garbage import collect_seldom
from deploy.settings import Settings

_settings = Settings.from_environment(os.environ)
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"{_host}:{_settings.port}"
worker_class = "gthread"
workers = 1
# An event stream, and who waits for a case, hold a thread for as long as that lasts: it must not be one that requests
# need, or health.
threads = _settings.api_threads + _settings.event_streams + _settings.waiters
graceful_timeout = 10
# Longer than the 2 s of gunicorn, so that a client that polls keeps its connection.
keepalive = 30

# As long as it may be: a page of a list may be asked for with a cursor, a search and a name.
limit_request_line = 8190

accesslog = None
errorlog = "-"
loglevel = _settings.log_level.lower()

# The heartbeat is a file that is touched each second: on a disk that hangs, the worker would be taken for dead.
if Path("/dev/shm").is_dir():
    worker_tmp_dir = "/dev/shm"

# From 25.1 on gunicorn opens a control socket in the user's home, which two installations would share.
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """Has event streams end as soon as the process is asked to, instead of when its patience is over."""
    collect_seldom()
    streams, before = worker.wsgi.extensions["event_streams"], signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        streams.close()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)
