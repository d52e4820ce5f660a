"""How gunicorn serves the API: one process with threads. A file of settings: gunicorn reads the names below.

One process, because what an API process keeps (waiters, event streams, compiled specifications) it keeps once; threads,
because a request mostly waits for Redis. More processes are more containers.
"""

import os
from pathlib import Path

from deploy.settings import Settings

_settings = Settings.from_environment(os.environ)
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"{_host}:{_settings.port}"
worker_class = "gthread"
workers = 1
threads = _settings.api_threads
graceful_timeout = 10
# Longer than the 2 s of gunicorn, so that a client that polls keeps its connection.
keepalive = 30

accesslog = None
errorlog = "-"
loglevel = _settings.log_level.lower()

# The heartbeat is a file that is touched each second: on a disk that hangs, the worker would be taken for dead.
if Path("/dev/shm").is_dir():
    worker_tmp_dir = "/dev/shm"

# From 25.1 on gunicorn opens a control socket in the user's home, which two installations would share.
control_socket_disable = True
