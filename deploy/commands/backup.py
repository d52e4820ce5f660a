"""Backups: taken, checked, and put back. These commands work on the state's Redis themselves, not through the API."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from deploy import wiring
from deploy.archive_places import place_at
from deploy.archiving import archive_all
from deploy.backup_files import backup_to, name_at, reading
from deploy.commands.output import Failure, Refused, Unreachable, WrongUsage, show
from deploy.commands.settings import data_dir_option, json_option, settings_with
from deploy.embedded_redis import DataDirInUse, NoRedisServer, RedisTooOld
from deploy.own_redis import reached_redis
from deploy.settings import Settings
from engine.archive.archive import Archive
from engine.backup.as_of import as_of
from engine.backup.blocks import Damaged
from engine.backup.checking import verify as check_backup
from engine.backup.records import Total
from engine.backup.restoring import Change
from engine.backup.restoring import restore as put_back
from engine.backup.specifications import specifications_in
from engine.data.moments import MomentInvalid, instant, moment
from engine.errors import NotFound, Refusal, Unavailable
from engine.replay import ReplayDiffers
from engine.store.tree import Tree
from engine.store.vault import Vault

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@data_dir_option
@json_option
def backup(file: Path | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Write everything into one file: all cases, specifications, people and rules.

    The system goes on meanwhile. FILE must not exist; a directory gets a file named by the moment. Without FILE it goes
    to CASEWRIGHT_BACKUP_DIRECTORY, else to `backups` in the data dir. The data is that of the Redis that
    CASEWRIGHT_REDIS_URL or REDIS_URL names, else of the one in the data dir, whether `casewright up` runs or not.

    \b
    Example:
      casewright backup before-the-upgrade.backup
    """
    settings = settings_with(data_dir=data_dir)
    with opened_vault(settings) as vault:
        path = _place(settings, file, vault.now())
        try:
            taken = backup_to(vault, path)
        except OSError as error:
            raise Refused(f"{path} cannot be written: {error.strerror}") from None
    document = {"file": str(taken.path), "bytes": taken.bytes, **_counts(taken.total)}
    show(document, [f"{taken.path}: {taken.bytes:,} bytes", f"  {taken.total}"], as_json=as_json)
    if taken.left_out:
        why = "these are not in it; mend them by `casewright fsck --repair` and take another one"
        raise Refused(why, taken.left_out)


@click.command()
@_file
@click.option("--until", metavar="MOMENT", help="Put the cases back as they were at a moment, as 2026-01-31T08:15:00Z.")
@data_dir_option
@json_option
def restore(file: Path, until: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Put a backup into an empty store.

    FILE is checked before anything is written. A store that holds anything but its first user is refused. With --until
    each case is replayed from its journal up to that moment; cases that began later are left out, and calls that were
    under way are made again.

    \b
    Example:
      casewright restore nightly.backup --until 2026-01-31T08:15:00Z
    """
    change = _until(file, until) if until is not None else None
    settings = settings_with(data_dir=data_dir)
    with opened_vault(settings) as vault, _told(file):
        total = put_back(vault, reading(file), file.name, change)
    show({"file": str(file), **_counts(total)}, [f"restored from {file}:", f"  {total}"], as_json=as_json)


@click.command()
@_file
@json_option
def verify(file: Path, *, as_json: bool) -> None:
    """Check a backup without restoring it.

    All sums are checked, every record is read, and every case is replayed from its journal and compared.

    \b
    Example:
      casewright verify before-the-upgrade.backup
    """
    with _told(file):
        about, total, differences = check_backup(reading(file))
    if differences:
        raise Refused(f"{file} is whole, but not all of its cases are what their journals say", differences)
    made_at = f"{instant(about.made_at):%Y-%m-%dT%H:%M:%SZ}"
    document = {"file": str(file), "made_at": made_at, "program": about.program, **_counts(total)}
    lines = [f"{file} is whole, and every case is what its journal says", f"  made at {made_at} by {about.program}"]
    show(document, [*lines, f"  {total}"], as_json=as_json)


@click.command()
@click.option(
    "--after",
    metavar="DURATION",
    help="How long after its end a case goes, as P30D or PT0S; else CASEWRIGHT_ARCHIVE_AFTER.",
)
@data_dir_option
@json_option
def archive(after: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Move cases that have ended out of Redis, now.

    Each goes with its children into a compressed file below CASEWRIGHT_ARCHIVE_URL (a directory, or an object store
    such as s3://bucket/prefix), else below `archive` in the data dir. It stays readable through the API, and its id
    stays taken.

    \b
    Example:
      casewright archive --after P30D
    """
    settings = settings_with(data_dir=data_dir, archive_after=after)
    if settings.archive_after_s is None:
        raise WrongUsage("say how long after its end a case goes: --after P30D, or CASEWRIGHT_ARCHIVE_AFTER")
    with opened_vault(settings) as vault:
        place = place_at(settings.archive)
        moved = archive_all(vault, Archive(place), settings.archive_after_s)
    lines = [f"{moved:,} case trees went to the archive {settings.archive}"]
    show({"archive": settings.archive, "trees": moved}, lines, as_json=as_json)


@contextmanager
def opened_vault(settings: Settings) -> Iterator[Vault]:
    """The whole store that the settings lead to. What is refused within becomes a `Failure`."""
    with opened_redis(settings) as reached:
        yield wiring.open_vault(reached)


@contextmanager
def opened_redis(settings: Settings) -> Iterator[Settings]:
    """The settings with the address of the Redis they lead to. What is refused within becomes a `Failure`."""
    try:
        with reached_redis(settings, os.environ) as reached:
            yield reached
    except Unavailable as away:
        raise Unreachable(str(away)) from None
    except Refusal as refusal:
        raise Refused(f"{refusal} ({refusal.code})") from None
    except (DataDirInUse, NoRedisServer, RedisTooOld) as error:
        raise Refused(str(error)) from None


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """What is wrong with a file becomes a `Failure` that names it."""
    try:
        yield
    except Damaged as damage:
        raise Refused(f"{file}: {damage}") from None
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from None


def _place(settings: Settings, file: Path | None, now: int) -> Path:
    """The file that a backup goes to. Raises `Failure` where there is one."""
    directory = file if file is not None and file.is_dir() else None
    if file is None:
        directory = settings.backups
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / name_at(now) if directory is not None else file
    assert path is not None, "a file or a directory is named, or chosen"
    if path.exists():
        raise Refused(f"{path} exists: name another file, or remove it first")
    return path


def _until(file: Path, text: str) -> Change:
    """How a tree becomes what it was at a moment. Raises `Failure` for what is no moment."""
    try:
        at = moment(text)
    except MomentInvalid as invalid:
        raise WrongUsage(f"--until: {invalid}") from None
    with _told(file):
        definitions = specifications_in(reading(file))

    def change(tree: Tree) -> Tree | None:
        try:
            return as_of(tree, at, definitions)
        except (ReplayDiffers, NotFound) as error:
            raise _not_replayed(tree, error) from None

    return change


def _not_replayed(tree: Tree, error: Exception) -> Failure:
    return Refused(f"case {tree.root} cannot be replayed to that moment, and nothing was restored: {error}")


def _counts(total: Total) -> dict[str, int]:
    return {name: getattr(total, name) for name in total.__struct_fields__}
