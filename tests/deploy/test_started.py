"""What keeps a process from starting is said in a line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "argv",
    [
        ["-c", "import api.wsgi"],
        ["-c", "from deploy.started import started; from workers.entry import settings; started(settings)"],
    ],
)
def test_connectors_that_are_not_accepted_end_a_process_without_a_traceback(
    argv: list[str], redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "connectors.yaml"
    file.write_text("stock: {connector: htpp}\nmail: {}\n")
    environment = {
        **os.environ,
        "REDIS_URL": redis_url,
        "CASEWRIGHT_CONNECTORS": str(file),
        "CASEWRIGHT_JWT_SECRET": "a secret of the tests alone, long enough for HS256",
    }
    ended = subprocess.run([sys.executable, *argv], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert f'{file}: stock.connector: there is no kind "htpp" (did you mean "http"?)' in ended.stderr
    assert f"{file}: mail: host is missing" in ended.stderr
    assert "Traceback" not in ended.stderr
