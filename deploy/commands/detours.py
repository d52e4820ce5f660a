"""Detours of one work item: `casewright item delegate order-1001:2 bob`."""

from collections.abc import Callable
from typing import Any

import click

from api.client import Client
from deploy.commands.items import item_argument, show_moved
from deploy.commands.json_text import json_value
from deploy.commands.server import Server, with_server

participant_argument = click.argument("participant", metavar="PARTICIPANT")


@click.group()
def item() -> None:
    """Hand a work item on, give it back, do it again or ahead of time.

    \b
    Example:
      casewright item delegate order-1001:2 bob --user clerk
    """


def _plain(name: str, move: Callable[[Client, str], dict[str, Any]], told: str) -> None:
    """A command that needs nothing but the item."""

    @item.command(name, help=told)
    @item_argument
    @with_server
    def command(server: Server, item_id: str) -> None:
        show_moved(server, move(server.client, item_id))


_plain("reject", Client.reject_offer, "Say that one does not want an offered item.")
_plain("deallocate", Client.deallocate, "Give an allocated item back; it is offered to the others again.")
_plain("redo", Client.redo, "Have a completed item done again; what followed from it is taken back.")
_plain("pile", Client.pile, "Have new items of this task, of whatever case, started for oneself.")
_plain("unpile", Client.unpile, "Have new items of this task distributed again.")
_plain("chain", Client.chain, "Have the next items of this case started for oneself.")
_plain("unchain", Client.unchain, "Have the next items of this case distributed again.")
_plain("skip", Client.skip, "Let a waiting item count as done.")
_plain("cancel", Client.cancel_item, "Cancel an item: its path ends there.")


@item.command()
@item_argument
@participant_argument
@with_server
def allocate(server: Server, item_id: str, participant: str) -> None:
    """Give a waiting item to one participant."""
    show_moved(server, server.client.allocate(item_id, participant))


@item.command()
@item_argument
@participant_argument
@with_server
def delegate(server: Server, item_id: str, participant: str) -> None:
    """Hand an allocated item on to another participant, unstarted."""
    show_moved(server, server.client.delegate(item_id, participant))


@item.command()
@item_argument
@participant_argument
@click.option("--anew", is_flag=True, help="Without what was done of it. Default: he goes on where it stands.")
@with_server
def reallocate(server: Server, item_id: str, participant: str, anew: bool) -> None:
    """Give a started item to another participant."""
    show_moved(server, server.client.reallocate(item_id, participant, keep_data=not anew))


@item.command()
@item_argument
@click.option("--to", "participants", multiple=True, metavar="PARTICIPANT", help="One gets it, several are offered it.")
@click.option("--role", help="Who has this role is offered it.")
@with_server
def escalate(server: Server, item_id: str, participants: tuple[str, ...], role: str | None) -> None:
    """Take an item from whoever has it.

    \b
    Example:
      casewright item escalate order-1001:2 --role manager
    """
    if bool(participants) == (role is not None):
        raise click.UsageError("say to whom: either --to, or --role")
    show_moved(server, server.client.escalate(item_id, resource_ids=participants, role=role))


@item.command("pre-do")
@item_argument
@click.argument("task", metavar="TASK")
@with_server
def pre_do(server: Server, item_id: str, task: str) -> None:
    """Bring a later task of the item's case forward, to be done before it is enabled."""
    show_moved(server, server.client.pre_do(item_id, task))


@item.command()
@item_argument
@click.option("--output", callback=json_value, required=True, metavar="JSON|@FILE|-", help="What one has so far.")
@with_server
def save(server: Server, item_id: str, output: Any) -> None:
    """Keep what one has so far of a started item."""
    show_moved(server, server.client.save(item_id, output))


@item.command()
@item_argument
@click.option("--priority", type=int, help="The greater, the more urgent.")
@click.option("--due", metavar="MOMENT", help="When it is due, as 2026-01-31T12:00:00Z; - for never.")
@with_server
def edit(server: Server, item_id: str, priority: int | None, due: str | None) -> None:
    """Change how urgent an item is."""
    changes: dict[str, Any] = {"priority": priority} if priority is not None else {}
    if due is not None:
        changes["due_at"] = None if due == "-" else due
    if not changes:
        raise click.UsageError("say what to change: --priority or --due")
    show_moved(server, server.client.edit_item(item_id, changes))
