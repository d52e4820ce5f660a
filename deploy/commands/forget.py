"""`casewright forget`: what is known of a person is removed, or called otherwise."""

import secrets
import time
from pathlib import Path

import click

from deploy import wiring
from deploy.archive_places import place_at
from deploy.archiving import SETTLES_S
from deploy.commands.backup import opened_redis
from deploy.commands.output import Refused, show
from deploy.commands.settings import data_dir_option, json_option, settings_with
from deploy.credentials import ADMIN_USER
from engine.archive.archive import Archive
from engine.erasure.forgetting import Forgotten, forget_in_cases

PSEUDONYM = "forgotten-"


@click.command()
@click.argument("resource")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
@json_option
def forget(resource: str, data_dir: Path | None, *, yes: bool, as_json: bool) -> None:
    """Erase a person: RESOURCE is the id of a participant.

    The participant goes, with the users who act as it and their keys; what was counted of the work goes; and wherever
    a case, an item, a journal or the audit log says that it was this person, it says a random pseudonym from now on,
    also in the archive. Cases that have ended go to the archive by this. Those that are still going on keep the name,
    so that their work can be done: they are listed, the exit code is 1, and the command is given again after their end.

    What remains: data of cases, in which the name may stand as in any text; backups that were taken before; logs; who
    deployed, configured or taught something; answers that are kept for a day. It works on the state's Redis itself.

    \b
    Example:
      casewright forget ann
    """
    if resource == ADMIN_USER:
        raise Refused("the first user, admin, is no person: enter another user for whoever it was")
    if not yes:
        click.confirm(f"Erase {resource}? This cannot be taken back", abort=True, err=True)
    settings = settings_with(data_dir=data_dir)
    pseudonym = PSEUDONYM + secrets.token_hex(8)
    with opened_redis(settings) as reached:
        vault, traces, parts = wiring.open_vault(reached), wiring.open_traces(reached), wiring.build(reached)
        archive = Archive(place_at(reached.archive))
        users = traces.users_of(resource)
        # First, so that nothing more is given to this person meanwhile. Whoever begins again finds the rest.
        removed = traces.remove_person(resource)
        done = forget_in_cases(vault, archive, resource, pseudonym, parts.definitions.get, _settle)
        counted = traces.remove_history(resource)
        noted = traces.rename_in_audit([resource, *users], pseudonym)
        if not done.going_on:
            traces.remove_offers(resource)
    document = {
        "pseudonym": pseudonym,
        "records_removed": removed,
        "counters_removed": counted,
        "audit_entries": noted,
        "case_trees": sorted(set(done.trees)),
        "going_on": done.going_on,
        "refused": done.refused,
    }
    lines = [
        f"{resource} is {pseudonym} now, in {len(set(done.trees)):,} case trees and {noted:,} entries of the audit log",
        f"  {removed:,} records of the person and {counted:,} counters are removed",
    ]
    show(document, lines, as_json=as_json)
    _tell_what_is_left(done)


def _settle() -> None:
    """Until a request is over that has looked for an id in the archive and looks for it in the store."""
    time.sleep(SETTLES_S)


def _tell_what_is_left(done: Forgotten) -> None:
    if done.going_on:
        raise Refused("these cases are still going on and keep the name; do it again after their end", done.going_on)
    if done.refused:
        why = [f"{root}: {reason}" for root, reason in done.refused.items()]
        raise Refused("these cases keep the name, because they would not be what their journals say", why)
