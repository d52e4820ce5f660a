"""Every command of the README, the quickstart and the pages for operators, run as a reader would."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.up import Up

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"```(sh|yaml)\n(.*?)```", re.DOTALL)
RUN_OTHERWISE = ("make ",)
"""`make run` is what the fixture does, and `make test` is what runs this test."""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with Up(tmp_path, "--demo") as running:
        yield running


def blocks(document: str, language: str) -> list[str]:
    """The blocks of a document in one language."""
    return [text for kind, text in BLOCK.findall((ROOT / document).read_text()) if kind == language]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/quickstart.md",
        "docs/backup.md",
        "docs/connectors.md",
        "docs/exceptions.md",
        "docs/operations.md",
    ],
)
def test_every_command_of_a_document_does_what_it_says(up: Up, tmp_path: Path, document: str) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for text in blocks(document, "yaml"):
        (tmp_path / "greeting.yaml").write_text(text)
    commands = [block for block in blocks(document, "sh") if not block.startswith(RUN_OTHERWISE)]
    assert commands
    script = "\n".join(["set -ex", *commands]).replace("http://127.0.0.1:8080", up.url).replace(".venv/bin/", "")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**up.environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if document == "docs/quickstart.md":
        assert "Good day, Ada" in done.stdout
        assert '"PARCEL-A-1001"' in done.stdout
