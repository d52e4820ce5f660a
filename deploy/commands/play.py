"""`casewright play`: a specification runs in memory, and every step is shown."""

from typing import Any

import click

from deploy.commands.json_text import json_object, read_json
from deploy.commands.text_file import TextFile, file_argument, file_type, text_file

MOST_STEPS = 1_000


def _answers(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, list[Any]]:
    """The answers of each task, in order."""
    answers: dict[str, list[Any]] = {}
    for each in given:
        task, separator, text = each.partition("=")
        if not separator:
            raise click.BadParameter(f"{each!r} is not of the form TASK=JSON")
        answers.setdefault(task, []).append(read_json(text))
    return answers


@click.command()
@file_argument
@click.option("--data", callback=json_object, default="{}", metavar="JSON|@FILE|-", help="The case's input variables.")
@click.option("--seed", type=int, help="Choose at random, the same way for the same seed.")
@click.option("--script", type=file_type, callback=text_file, help="Do what the lines of this file say.")
@click.option(
    "--answer",
    "answers",
    callback=_answers,
    multiple=True,
    metavar="TASK=JSON",
    help="What the call of a task gives; TASK=@FILE too. Given several times: one after the other, the last for ever.",
)
@click.option(
    "--steps",
    "most_steps",
    type=click.IntRange(1, 1_000_000),
    default=MOST_STEPS,
    show_default=True,
    help="Stop after so many.",
)
@click.option("--json", is_flag=True, expose_value=False, help="Changes nothing: what is printed is JSON anyway.")
def play(
    file: TextFile,
    data: dict[str, Any],
    seed: int | None,
    script: TextFile | None,
    answers: dict[str, list[Any]],
    most_steps: int,
) -> None:
    """Run the specification in FILE in memory.

    It needs no server and no Redis, and keeps nothing. One JSON line is printed for each step, and one for the end:

    \b
      {"step": 1, "event": {"start": "approve"}, "fired": ["approve"],
       "enabled": [], "executing": ["approve"], "marking": {}}
      {"end": {"status": "completed", "data": {...}, "marking": {}, ...}}

    A step is one thing that happens: a person starts or completes an item, a call is answered. `fired` are the tasks
    that fired in it, also by themselves; `enabled` wait for a person, `executing` are under way, one name for each.
    What composite tasks run is played with it: `children` are the markings of the cases below, by their ids.

    You are every person in it, whatever the specification says about offers. Without --seed and --script it asks which
    item to complete, and with what output.

    --script takes a file with a line for each thing to do. A task that waits is started by being completed, and calls
    can be completed too. The `event` of printed lines is such a line:

    \b
      {"complete": "approve", "output": {"approved": true}}
      {"start": "pick"}
      {"fail": "check_stock", "kind": "timeout", "reason": "too slow"}
      {"trigger": "payment_received", "data": {"amount": 12}}
      {"add": "review", "data": {"reviewer": "cleo"}}
      {"cancel": true}

    --seed chooses among everything that can be done, and fills in forms by their schemas.

    Calls of the connectors `echo` and `function` are really made, as soon as they wait (with --seed, when their turn
    comes), a function only if CASEWRIGHT_FUNCTIONS_ALLOWED names it. Others (http) are never made: --answer gives what
    they return, as output mappings see it; without one a script or you say so, and --seed answers null. A call that
    failed is repeated within its task's budget, without a pause.

    Exit codes: 0 the case completed, 5 it did not, 1 something was refused (the input, an output, a script's line).

    \b
    Examples:
      casewright play order-fulfilment.yaml --data @order.json
      casewright play order-fulfilment.yaml --data @order.json --seed 7 \\
          --answer 'check_stock={"body": {"available": 40, "warehouse": "south"}}'
    """
    if seed is not None and script is not None:
        raise click.UsageError("--seed and --script exclude each other")
    # The engine takes longer to load than any command that talks to a server takes to run.
    from deploy.commands.playing import run

    run(file, data, seed=seed, script=script, answers=answers, most_steps=most_steps)
