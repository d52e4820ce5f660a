"""The command `casewright`."""

import os
import sys

import click

from deploy.commands.backup import backup, restore, verify
from deploy.commands.cases import cancel, case, cases, dead_letters, migrate, resume, retry, start, suspend, trigger
from deploy.commands.demo import demo
from deploy.commands.items import add_instance, claim, complete, items, resume_item, start_item, suspend_item
from deploy.commands.play import play
from deploy.commands.specifications import deploy, validate
from deploy.commands.tokens import token
from deploy.commands.up import up

COMMANDS = (
    up,
    deploy,
    validate,
    play,
    start,
    case,
    cases,
    cancel,
    suspend,
    resume,
    trigger,
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
    token,
    backup,
    restore,
    verify,
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


def main() -> None:
    """Runs the command line, and exits with its code."""
    _forget_the_scripts_directory()
    casewright()


def _forget_the_scripts_directory() -> None:
    """Takes the directory of this script off the import path, where Python puts it first.

    jsonpath-rw installs a script `jsonpath.py` there, which would be taken for the package of python-jsonpath.
    """
    script = os.path.realpath(sys.argv[0])
    if os.path.isfile(script) and sys.path and os.path.realpath(sys.path[0]) == os.path.dirname(script):
        del sys.path[0]


if __name__ == "__main__":
    main()
