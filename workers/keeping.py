"""Keeping: backups by schedule, and ended cases that go to the archive.

A backup is taken by a process of its own. Rounds of the archive are bounded, so they run in the worker.
"""

import logging
import os
import subprocess
import sys

from deploy.archiving import Archiver
from deploy.scheduled_backup import is_due
from deploy.wiring import Parts, open_vault
from engine.errors import Unavailable

log = logging.getLogger(__name__)


class Keeper:
    """What one worker process does of it, and remembers between one beat and the next."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._backup: subprocess.Popen[bytes] | None = None
        self._archiver: Archiver | None = None

    def back_up(self) -> None:
        """Begins a backup when one is due and this worker is not taking one."""
        if self._backup is not None and self._backup.poll() is None:
            return
        settings = self._parts.settings
        try:
            due = is_due(settings, self._parts.store.now())
        except Unavailable as away:
            log.warning("no backup is taken while the store is away: %s", away)
            return
        if due:
            environment = {**os.environ, **settings.environment()}
            self._backup = subprocess.Popen([sys.executable, "-m", "deploy.scheduled_backup"], env=environment)

    def archive(self) -> None:
        """One round of the archive."""
        settings = self._parts.settings
        if settings.archive_after_s is None:
            return
        try:
            if self._archiver is None:
                self._archiver = Archiver(open_vault(settings), self._parts.archive, settings.archive_after_s)
            moved = self._archiver.round()
        except Unavailable as away:
            log.warning("nothing is archived for now: %s", away)
            return
        if moved:
            log.info("%d case trees went to the archive", moved)
