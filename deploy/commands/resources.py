"""`casewright resources`: the organisation as a file, JSON or CSV, and who is in it."""

import json
import os
from pathlib import Path
from typing import Any

import click

from deploy.commands.backup import opened_redis
from deploy.commands.output import Refused, WrongUsage, show, table
from deploy.commands.server import Server, with_server
from deploy.commands.settings import data_dir_option, json_option, settings_with
from deploy.commands.text_file import TextFile, file_argument
from deploy.ldap_people import LdapConfigurationInvalid, LdapPeople, configuration_in, connecting
from deploy.wiring import connect
from engine.errors import Unavailable
from engine.resources.outside import follow
from engine.store.redis_registry import RedisRegistry

PAGE = 500


@click.group()
def resources() -> None:
    """Who can get work: people, roles, positions, groups and capabilities.

    \b
    Examples:
      casewright resources import staff.csv
      casewright resources export --format csv --output staff.csv
    """


@resources.command("import")
@file_argument
@click.option("--format", "form", type=click.Choice(["json", "csv"]), help="Default: what the name of FILE ends in.")
@with_server
def import_(server: Server, file: TextFile, form: str | None) -> None:
    """Enters or replaces what FILE names (- for standard input), all of it or nothing.

    What it does not name stays as it is. CSV has one row for each, as `casewright resources export --format csv` writes
    them.

    \b
    Example:
      casewright resources import staff.csv
    """
    if (form or _form_of(file.name)) == "csv":
        done = server.client.import_resources_table(file.text)
    else:
        done = server.client.import_resources(_object(file))
    said = ", ".join(f"{count} {noun}" for noun, count in done.items() if count)
    show(done, [f"imported {said or 'nothing'}"], as_json=server.as_json)


@resources.command()
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default="json", show_default=True)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file; default: standard output."
)
@with_server
def export(server: Server, form: str, output: Path | None) -> None:
    """Writes the whole organisation as a file that can be imported.

    \b
    Example:
      casewright resources export --format csv
    """
    if form == "csv":
        text = server.client.export_resources_table()
    else:
        text = json.dumps(server.client.export_resources(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{output} cannot be written: {error.strerror}") from None
    show({"written": str(output)}, [f"written to {output}"], as_json=server.as_json)


@resources.command("list")
@with_server
def list_(server: Server) -> None:
    """Lists people and other resources.

    \b
    Example:
      casewright resources list
    """
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = server.client.resources(limit=PAGE, cursor=cursor)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    rows = [
        (each["id"], each["name"], " ".join(each["roles"]), "" if each["available"] else "not available")
        for each in found
    ]
    show(found, table(("ID", "NAME", "ROLES", ""), rows), as_json=server.as_json)


@resources.command()
@click.argument("configuration", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@data_dir_option
@json_option
def sync(configuration: Path, data_dir: Path | None, *, dry_run: bool, as_json: bool) -> None:
    """Follow an LDAP directory: people, roles, groups and reporting lines become what it says.

    CONFIGURATION says how the directory is laid out (docs/resources.md). Absences, working hours and capabilities that
    were entered here stay; who came from the directory and is gone there is gone here. Works on the state's Redis
    itself, not through the API: let it run every few minutes.

    \b
    Example:
      casewright resources sync ldap.yaml --dry-run
    """
    try:
        layout = configuration_in(configuration)
        outside = LdapPeople(layout, connecting(layout, os.environ))
    except LdapConfigurationInvalid as invalid:
        raise WrongUsage(str(invalid)) from None
    with opened_redis(settings_with(data_dir=data_dir)) as settings:
        registry = RedisRegistry(connect(settings.redis_url))
        try:
            changes = follow(outside.organisation(), registry.organisation(), layout.url)
        except Unavailable as away:
            raise Refused(str(away)) from None
        if not dry_run:
            if changes.participants or changes.units:
                registry.put_organisation(changes.participants, changes.units)
            for name in changes.gone:
                registry.delete_participant(name)
    said = {"changed": [p.id for p in changes.participants], "units": len(changes.units), "gone": changes.gone}
    would = "would be " if dry_run else ""
    line = (
        f"{len(changes.participants)} people and {len(changes.units)} units {would}entered, {len(changes.gone)} removed"
    )
    show(said, [line], as_json=as_json)


def _form_of(name: str) -> str:
    return "csv" if name.lower().endswith(".csv") else "json"


def _object(file: TextFile) -> dict[str, Any]:
    try:
        read = json.loads(file.text)
    except ValueError as error:
        raise Refused(f"{file.name} is not JSON: {error}") from None
    if not isinstance(read, dict):
        raise Refused(f"{file.name} must be a JSON object with participants, roles, positions, groups, capabilities")
    return read
