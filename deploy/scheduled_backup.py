"""A backup by schedule, as a process of its own: it must not keep a worker from draining.

Whether one is due is said by the newest file in the directory, so neither a beat that was started again nor two of
them change anything. One process at a time takes one; the others find the lock held and end.

    python -m deploy.scheduled_backup
"""

import fcntl
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.backup_files import backup_to, backups_in, forget_old, moment_of, name_at
from deploy.settings import Settings
from deploy.wiring import open_vault
from engine.errors import Refusal

log = logging.getLogger(__name__)

LOCK_NAME = ".lock"


def is_due(settings: Settings, now_ms: int) -> bool:
    """Whether the newest backup is older than the time between two."""
    if settings.backup_every_s is None:
        return False
    newest = [moment_of(path) for path in backups_in(settings.backups)[-1:]]
    return not newest or now_ms - newest[0] >= settings.backup_every_s * 1000


def main() -> int:
    """Takes a backup if one is due and nobody takes one, and removes those that are no longer kept. The exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = Settings.from_environment(os.environ)
    directory = settings.backups
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(directory) as alone:
            vault = open_vault(settings)
            if not alone or not is_due(settings, vault.now()):
                return 0
            taken = backup_to(vault, directory / name_at(vault.now()))
            log.info("backup %s: %d bytes, %s", taken.path, taken.bytes, taken.total)
            for each in taken.left_out:
                log.error("not in the backup: %s", each)
            for path in forget_old(directory, settings.backup_keep):
                log.info("backup %s is removed: the newest %d are kept", path, settings.backup_keep)
    except (Refusal, OSError) as error:
        log.error("no backup was taken: %s", error)
        return 1
    return 0


@contextmanager
def _alone(directory: Path) -> Iterator[bool]:
    """Whether this process is the only one that takes a backup into a directory."""
    with (directory / LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


if __name__ == "__main__":
    sys.exit(main())
