"""Connectors of a running installation: listed, configured over the API, tried out."""

from typing import Any

import click

from deploy.commands.json_text import json_object
from deploy.commands.output import NotCompleted, indented, one_line, show, table
from deploy.commands.server import Server, with_server

name_argument = click.argument("name")


@click.group()
def connectors() -> None:
    """List, configure and try out connectors.

    \b
    Examples:
      casewright connectors list
      casewright connectors put stock '{"connector": "http", "base_url": "https://stock.internal/api"}'
    """


@connectors.command("list")
@with_server
def list_connectors(server: Server) -> None:
    """List connectors: where they are configured, and how those fare that have limits.

    \b
    Example:
      casewright connectors list
    """
    every: list[dict[str, Any]] = list(server.client.all_connectors())
    rows = [
        (
            each["name"],
            each["kind"],
            each["source"].replace("_", "-"),
            "" if each["under_way"] is None else str(each["under_way"]),
            "" if each["waiting"] is None else str(each["waiting"]),
            ", ".join(f"{breaker['host']} {breaker['state'].replace('_', '-')}" for breaker in each["breakers"]),
        )
        for each in every
    ]
    lines = table(("CONNECTOR", "KIND", "SOURCE", "UNDER WAY", "WAITING", "HOSTS IN TROUBLE"), rows)
    show({"items": every}, lines, as_json=server.as_json)


@connectors.command("show")
@name_argument
@with_server
def show_connector(server: Server, name: str) -> None:
    """Show a connector with its settings, and the hosts it found in trouble.

    \b
    Example:
      casewright connectors show stock
    """
    found = server.client.connector(name)
    lines = [f"{name}: {found['kind']}, {found['source'].replace('_', '-')}", *indented(found["settings"])]
    for breaker in found["breakers"]:
        lines.append(f"{breaker['host']} is {breaker['state'].replace('_', '-')} until {breaker['until']}")
        lines.append(f"    since {breaker['since']}: {breaker['cause']}")
    show(found, lines, as_json=server.as_json)


@connectors.command()
@name_argument
@click.argument("settings", metavar="JSON|@FILE|-", callback=json_object)
@with_server
def put(server: Server, name: str, settings: dict[str, Any]) -> None:
    """Configure a connector, as a file would. Every process takes it over within seconds.

    \b
    Example:
      casewright connectors put stock @stock.json
    """
    found = server.client.put_connector(name, settings)
    show(found, [f"connector {name} is configured"], as_json=server.as_json)


@connectors.command()
@name_argument
@with_server
def remove(server: Server, name: str) -> None:
    """Remove a connector that was configured over the API.

    \b
    Example:
      casewright connectors remove stock
    """
    server.client.delete_connector(name)
    show({"name": name}, [f"connector {name} is removed"], as_json=server.as_json)


@connectors.command()
@name_argument
@click.option("--config", default="{}", callback=json_object, metavar="JSON|@FILE|-", help="As a task would have it.")
@click.option("--input", "given", default="{}", callback=json_object, metavar="JSON|@FILE|-", help="The task's input.")
@with_server
def test(server: Server, name: str, config: dict[str, Any], given: dict[str, Any]) -> None:
    """Make one call, and say what came of it; ends with 5 where it fails.

    \b
    Example:
      casewright connectors test stock --config '{"url": "items/chair"}'
    """
    outcome = server.client.test_connector(name, config, given)
    done = outcome["outcome"] == "done"
    show(
        outcome, [one_line(outcome["output"]), f"in {outcome['elapsed_ms']} ms"] if done else [], as_json=server.as_json
    )
    if not done:
        raise NotCompleted(f"{outcome['kind']}: {outcome['message']}")
