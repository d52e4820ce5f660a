"""The command `casewright`."""

import click

from deploy.commands.backup import archive, backup, restore, verify
from deploy.commands.cases import (
    cancel,
    case,
    cases,
    dead_letters,
    exceptions,
    migrate,
    raise_,
    replace,
    replay,
    resume,
    retry,
    start,
    suspend,
    trigger,
)
from deploy.commands.connecting import connectors
from deploy.commands.demo import demo
from deploy.commands.detours import item
from deploy.commands.forget import forget
from deploy.commands.fsck import fsck
from deploy.commands.items import add_instance, claim, complete, items, resume_item, start_item, suspend_item
from deploy.commands.play import play
from deploy.commands.resources import resources
from deploy.commands.rules import rules
from deploy.commands.specifications import deploy, validate
from deploy.commands.tokens import rotate_keys, token
from deploy.commands.up import up

COMMANDS = (
    up,
    deploy,
    validate,
    play,
    start,
    case,
    cases,
    replay,
    cancel,
    suspend,
    resume,
    trigger,
    raise_,
    replace,
    rules,
    exceptions,
    dead_letters,
    retry,
    migrate,
    items,
    claim,
    start_item,
    suspend_item,
    resume_item,
    complete,
    add_instance,
    item,
    connectors,
    resources,
    token,
    rotate_keys,
    backup,
    restore,
    verify,
    fsck,
    archive,
    forget,
    demo,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="casewright", prog_name="casewright")
def casewright() -> None:
    """A case and workflow engine.

    `casewright up` runs everything on this machine; the other commands talk to a server, or need none (validate, play,
    token).

    Exit codes: 0 done; 1 refused, failed or not found; 2 wrong usage; 3 the server does not answer; 4 the case still
    runs when the time to wait is over; 5 the case ended, but not completed.

    \b
    Examples:
      casewright up --demo
      casewright start order-fulfilment --data @order.json --wait
    """


for command in COMMANDS:
    casewright.add_command(command)


if __name__ == "__main__":
    casewright()
