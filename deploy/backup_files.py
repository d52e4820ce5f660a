"""Backups as files of a directory: their names, taking one, and how many are kept."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, NamedTuple

from deploy.whole_file import whole_file
from engine.backup.records import Total
from engine.backup.restoring import Open
from engine.backup.taking import take
from engine.store.vault import Vault

SUFFIX = ".backup"

_NAME = re.compile(r"casewright-\d{8}T\d{6}Z\.backup")


class TakenBackup(NamedTuple):
    """A backup that was taken: where it is, how large, what is in it, and what could not be read."""

    path: Path
    bytes: int
    total: Total
    left_out: list[str]


def name_at(moment_ms: int) -> str:
    """`casewright-20260131T081500Z.backup`: names in order are backups in order."""
    return f"casewright-{datetime.fromtimestamp(moment_ms // 1000, UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


def moment_of(path: Path) -> int:
    """The moment (ms since 1970) in the name of a backup."""
    return round(
        datetime.strptime(path.name, f"casewright-%Y%m%dT%H%M%SZ{SUFFIX}").replace(tzinfo=UTC).timestamp() * 1000
    )


def backup_to(vault: Vault, path: Path) -> TakenBackup:
    """Takes a backup into a file, which is there when it is complete."""
    with whole_file(path) as write:
        taken = take(vault, write, f"casewright {version('casewright')}")
    return TakenBackup(path, path.stat().st_size, taken.total, taken.left_out)


def reading(path: Path) -> Open:
    """Opens a file as often as it has to be read."""

    def opened() -> BinaryIO:
        return path.open("rb")

    return opened


def backups_in(directory: Path) -> Sequence[Path]:
    """The backups of a directory that bear such a name, the oldest first. What else lies there is nobody's business."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))


def forget_old(directory: Path, keep: int) -> list[Path]:
    """Removes all backups of a directory but the newest `keep`; gives those that were removed."""
    old = list(backups_in(directory)[:-keep])
    for path in old:
        path.unlink(missing_ok=True)
    return old
