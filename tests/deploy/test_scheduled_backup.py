"""Backups by schedule: taken when the newest is old enough, one at a time, and the oldest forgotten."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.backup_files import backups_in, forget_old, moment_of, name_at
from deploy.scheduled_backup import LOCK_NAME, is_due
from deploy.settings import VARIABLES, Settings, SettingsError
from deploy.whole_file import whole_file
from workers.app import configuration

DAY_MS = 86_400_000
NOW = 1_780_000_000_000


def settings(directory: Path, **variables: str) -> Settings:
    return Settings.from_environment(
        {"CASEWRIGHT_DATA_DIR": str(directory), "CASEWRIGHT_BACKUP_EVERY": "P1D", **variables}
    )


def test_a_backup_is_named_by_its_moment() -> None:
    assert name_at(NOW) == "casewright-20260528T202640Z.backup"
    assert moment_of(Path(name_at(NOW))) == NOW


def test_a_backup_is_due_when_there_is_none_and_when_the_newest_is_old_enough(tmp_path: Path) -> None:
    wanted = settings(tmp_path, CASEWRIGHT_BACKUP_DIRECTORY=str(tmp_path))
    assert is_due(wanted, NOW)
    (tmp_path / name_at(NOW - 3 * DAY_MS)).touch()
    (tmp_path / name_at(NOW)).touch()
    assert not is_due(wanted, NOW + DAY_MS - 1_000)
    assert is_due(wanted, NOW + DAY_MS)
    assert not is_due(settings(tmp_path, CASEWRIGHT_BACKUP_EVERY=""), NOW + 9 * DAY_MS)


def test_the_newest_are_kept_and_other_files_are_left_alone(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / name_at(NOW + n * DAY_MS)).touch()
    (tmp_path / "before-the-upgrade.backup").touch()
    forget_old(tmp_path, 2)
    assert [moment_of(path) for path in backups_in(tmp_path)] == [NOW + 3 * DAY_MS, NOW + 4 * DAY_MS]
    assert (tmp_path / "before-the-upgrade.backup").exists()


def test_a_file_that_is_not_completed_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "a") as write:
        write(b"half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_beat_looks_after_it_only_where_it_is_asked_for(tmp_path: Path) -> None:
    always = {"recover", "tick", "webhooks"}
    assert set(configuration(settings(tmp_path, CASEWRIGHT_BACKUP_EVERY=""))["beat_schedule"]) == always
    wanted = settings(tmp_path, CASEWRIGHT_ARCHIVE_AFTER="P30D")
    assert set(configuration(wanted)["beat_schedule"]) == always | {"back_up", "archive"}


@pytest.mark.parametrize("given", ["PT1S", "every day", "-P1D", "P1"])
def test_a_time_between_backups_that_makes_no_sense_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(SettingsError, match="CASEWRIGHT_BACKUP_EVERY"):
        settings(tmp_path, CASEWRIGHT_BACKUP_EVERY=given)


def test_the_scheduled_process_takes_one_and_then_none_before_the_next_is_due(redis_url: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment |= {
        "REDIS_URL": redis_url,
        "CASEWRIGHT_DATA_DIR": str(tmp_path),
        "CASEWRIGHT_BACKUP_EVERY": "PT1H",
    }
    for _ in range(2):
        subprocess.run([sys.executable, "-m", "deploy.scheduled_backup"], env=environment, check=True, timeout=60)
    assert [path.name for path in (tmp_path / "backups").iterdir() if path.name != LOCK_NAME] == [
        path.name for path in backups_in(tmp_path / "backups")
    ]
    assert len(backups_in(tmp_path / "backups")) == 1
