"""Work items: listed, claimed, started, completed."""

from typing import Any

import click

from deploy.commands.cases import cursor_option, limit_option, more_lines
from deploy.commands.json_text import json_value
from deploy.commands.output import show, table
from deploy.commands.server import Server, with_server

STATES = ("created", "offered", "allocated", "started", "suspended", "completed", "failed", "skipped",
          "force_completed", "cancelled", "withdrawn")  # fmt: skip

item_argument = click.argument("item_id", metavar="ITEM")


@click.command()
@click.option("--resource", help="Whose; * for everybody's. Default: one's own.")
@click.option("--state", type=click.Choice(STATES), help="Only those that stand so; ended ones only with --case.")
@click.option("--case", "case_id", help="Only those of this case.")
@click.option("--task", help="Only those of this task.")
@click.option("--specification", help="Only those of cases of this specification.")
@click.option("--due-before", metavar="MOMENT", help="Only what is due before 2026-01-31T12:00:00Z, the first first.")
@click.option("--search", metavar="WORDS", help="Only those with these words: 'anna', or in one value 'city:rome'.")
@limit_option
@cursor_option
@with_server
def items(
    server: Server,
    resource: str | None,
    state: str | None,
    case_id: str | None,
    task: str | None,
    specification: str | None,
    due_before: str | None,
    search: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List work items, the most urgent first: by priority, then by when they are due, then by age.

    Those that wait or are under way: one's own, and with the permission those of others.

    \b
    Example:
      casewright items --resource '*'
      casewright items --user clerk --state offered
    """
    page = server.client.items(
        resource_id=resource,
        state=state,
        case_id=case_id,
        task=task,
        specification=specification,
        due_before=due_before,
        search=search,
        limit=limit,
        cursor=cursor,
    )
    rows = [
        (
            each["item_id"],
            each["specification"],
            each["task"],
            each["state"],
            each["owner"] or ", ".join(each["offered_to"]),
            each["created_at"] or "",
        )
        for each in page["items"]
    ]
    lines = table(("ITEM", "SPECIFICATION", "TASK", "STATE", "WHO", "CREATED"), rows)
    show(page, [*lines, *more_lines(page)], as_json=server.as_json)


@click.command()
@item_argument
@with_server
def claim(server: Server, item_id: str) -> None:
    """Make an offered item one's own. Of many who try, one succeeds.

    \b
    Example:
      casewright claim order-1001:2 --user clerk
    """
    show_moved(server, server.client.claim(item_id))


@click.command("start-item")
@item_argument
@with_server
def start_item(server: Server, item_id: str) -> None:
    """Start an item that is offered or allocated to one.

    Its task fires now; what lost a deferred choice to it is withdrawn. (A case is started with `casewright start`.)

    \b
    Example:
      casewright start-item order-1001:2 --user clerk
    """
    show_moved(server, server.client.start(item_id))


@click.command()
@item_argument
@click.option(
    "--output",
    callback=json_value,
    default="{}",
    metavar="JSON|@FILE|-",
    help="What came of it: JSON, a file with it, or - for standard input. Default: an empty object.",
)
@click.option("--strict", is_flag=True, help="Complete only what is started already.")
@with_server
def complete(server: Server, item_id: str, output: Any, strict: bool) -> None:
    """Complete an item with its output.

    An item that is still offered or allocated to one is claimed and started first; if its output is then refused, it
    stays started. With --strict only an item that one has started is completed.

    \b
    Example:
      casewright complete order-1001:2 --user clerk --output '{"approved": true}'
    """
    client = server.client
    if not strict:
        state = client.item(item_id)["state"]
        if state == "offered":
            client.claim(item_id)
        if state in ("offered", "allocated"):
            client.start(item_id)
    show_moved(server, client.complete(item_id, output))


@click.command("suspend-item")
@item_argument
@with_server
def suspend_item(server: Server, item_id: str) -> None:
    """Put an item aside until it is resumed. Its case goes on beside it.

    Who owns it may, and who administers items.

    \b
    Example:
      casewright suspend-item order-1001:2 --user clerk
    """
    show_moved(server, server.client.suspend_item(item_id))


@click.command("resume-item")
@item_argument
@with_server
def resume_item(server: Server, item_id: str) -> None:
    """Make a suspended item what it was before: offered, allocated or started.

    \b
    Example:
      casewright resume-item order-1001:2 --user clerk
    """
    show_moved(server, server.client.resume_item(item_id))


@click.command("add-instance")
@item_argument
@click.option(
    "--data",
    callback=json_value,
    default="null",
    metavar="JSON|@FILE|-",
    help="What the instance is for: JSON, a file with it, or - for standard input. Default: null.",
)
@with_server
def add_instance(server: Server, item_id: str, data: Any) -> None:
    """Add one more instance to the task that an item is an instance of.

    The task must have `creation: dynamic`. Who owns one of its items may, and who administers items.

    \b
    Example:
      casewright add-instance claim-7:4 --data '{"witness": "cleo"}'
    """
    added = server.client.add_instance(item_id, data)
    show(added, [f"item {added['item_id']} ({added['task']}) was added"], as_json=server.as_json)


def show_moved(server: Server, item: dict[str, Any]) -> None:
    """Says how an item stands after a move."""
    of = f" of {item['owner']}" if item["owner"] else ""
    show(item, [f"item {item['item_id']} ({item['task']}){of} is {item['state']}"], as_json=server.as_json)
