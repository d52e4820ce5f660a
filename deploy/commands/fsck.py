"""Checking the whole store against its journals. Works on the state's Redis itself, not through the API."""

import time
from pathlib import Path

import click

from deploy import wiring
from deploy.commands.backup import opened_redis
from deploy.commands.connectors import connectors_checked
from deploy.commands.output import Refused, printable, show
from deploy.commands.settings import data_dir_option, json_option, settings_with
from engine.case import Case
from engine.consistency import Finding, check, repair
from engine.errors import Conflict, NotFound
from engine.replay import ReplayDiffers
from engine.store.port import LEASE_MS

ATTEMPTS = 100
"""How often a shard is asked for that somebody drains; together longer than a lease."""

PAUSE_S = 2 * LEASE_MS / 1000 / ATTEMPTS


@click.command()
@click.option("--repair", "repairs", is_flag=True, help="Make what is wrong again from its journal.")
@data_dir_option
@json_option
def fsck(repairs: bool, data_dir: Path | None, *, as_json: bool) -> None:
    """Check every case against its journal, while the system runs.

    Each journal is replayed; the case, and the items of its people, must come out as they are stored. What does not is
    named, and the command ends with 1. With --repair such a case is written anew, as its journal tells it, and what had
    been set aside for it follows in order. A journal that does not agree with itself cannot be repaired from.

    \b
    Examples:
      casewright fsck
      casewright fsck --repair
    """
    with opened_redis(settings_with(data_dir=data_dir)) as settings:
        with connectors_checked():
            parts = wiring.build(settings)
        checked = check(parts.store, wiring.open_vault(settings), parts.definitions)
        failed = dict[str, str]()
        for finding in checked.findings if repairs else ():
            try:
                _repaired(parts, finding)
            except (ReplayDiffers, NotFound, Conflict) as refusal:
                failed[finding.case_id] = str(refusal)
    lines = [printable(_line(each, repairs, failed)) for each in checked.findings]
    wrong = failed if repairs else {each.case_id: each.what for each in checked.findings}
    if wrong:
        raise Refused(f"{len(wrong):,} of {checked.cases:,} cases are not what their journals say", lines)
    document = {"cases": checked.cases, "findings": [each._asdict() for each in checked.findings], "repaired": repairs}
    show(document, [*lines, f"{checked.cases:,} cases are what their journals say"], as_json=as_json)


def _repaired(parts: wiring.Parts, finding: Finding) -> Case:
    for _ in range(ATTEMPTS):
        try:
            return repair(parts.store, parts.definitions, finding.case_id)
        except Conflict:
            time.sleep(PAUSE_S)
    return repair(parts.store, parts.definitions, finding.case_id)


def _line(finding: Finding, repairs: bool, failed: dict[str, str]) -> str:
    line = f"case {finding.case_id}: {finding.what}"
    if finding.case_id in failed:
        return f"{line}; it cannot be repaired: {failed[finding.case_id]}"
    return f"{line}; repaired" if repairs else line
