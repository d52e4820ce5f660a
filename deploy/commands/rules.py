"""Ripple-down rules of a running installation: shown, taught, explained, taken out and in."""

from typing import Any

import click

from deploy.commands.json_text import json_object, json_value
from deploy.commands.output import indented, one_line, show
from deploy.commands.server import Server, with_server

specification_argument = click.argument("specification")
kind_argument = click.argument("kind")
task_option = click.option("--task", default="", help="At which task; else of the case, or of tasks without rules.")
case_option = click.option("--case", "case_id", help="The case at hand.")
item_option = click.option("--item", "item_id", help="The item of it that conditions see.")
data_option = click.option(
    "--data",
    callback=json_object,
    default="{}",
    metavar="JSON|@FILE|-",
    help="What conditions see beside the case, or in its place.",
)


@click.group()
def rules() -> None:
    """Show, teach and explain what is to be done about exceptions, and which worklets tasks run.

    \b
    Examples:
      casewright rules show order-fulfilment
      casewright rules add order-fulfilment timeout 'amount > 1000' '[{"compensate": "call-customer"}]' --case o-7
    """


@rules.command("show")
@specification_argument
@with_server
def show_rules(server: Server, specification: str) -> None:
    """Show the rules of SPECIFICATION, each beneath the one it corrects.

    \b
    Example:
      casewright rules show order-fulfilment
    """
    found = server.client.rules(specification)
    lines = []
    for tree in found["trees"]:
        lines.append(f"{tree['kind']}{' at ' + tree['task'] if tree['task'] else ''}")
        lines += _beneath({rule["id"]: rule for rule in tree["rules"]}, "0", 0)
    show(found, lines or [f"nothing was learnt about {specification}"], as_json=server.as_json)


@rules.command()
@specification_argument
@kind_argument
@click.argument("condition")
@click.argument("conclusion", metavar="JSON|@FILE|-", callback=json_value)
@task_option
@case_option
@item_option
@data_option
@click.option("--title", help="What the rule is about, for people.")
@click.option("--check", "only_check", is_flag=True, help="Only say what it would do.")
@with_server
def add(
    server: Server,
    specification: str,
    kind: str,
    condition: str,
    conclusion: Any,
    task: str,
    case_id: str | None,
    item_id: str | None,
    data: dict[str, Any],
    title: str | None,
    only_check: bool,
) -> None:
    """Teach what is to be done about exceptions of KIND where CONDITION (CEL) holds.

    The case at hand is what the rule is made for: it must hold there, and must not change what is done in the cases
    that earlier rules were made for. KIND `selection` chooses the worklet of a task.

    \b
    Example:
      casewright rules add treatment selection 'pain > 5' '"strong-relief"' --task relieve --case ward-7
    """
    learnt = server.client.add_rule(
        specification,
        kind,
        condition,
        conclusion,
        task=task,
        case_id=case_id,
        item_id=item_id,
        data=data,
        title=title,
        only_check=only_check,
    )
    said = "could be added" if only_check else "is added"
    show(learnt, [f"rule {learnt['added']['id']} {said}", *learnt["path"]], as_json=server.as_json)


@rules.command()
@specification_argument
@kind_argument
@task_option
@case_option
@item_option
@data_option
@with_server
def explain(
    server: Server,
    specification: str,
    kind: str,
    task: str,
    case_id: str | None,
    item_id: str | None,
    data: dict[str, Any],
) -> None:
    """Say what the rules conclude about a case or data, and by which way.

    \b
    Example:
      casewright rules explain order-fulfilment timeout --task approve --case o-7
    """
    given = server.client.explain_rules(specification, kind, task=task, case_id=case_id, item_id=item_id, data=data)
    concluded = f"rule {given['rule']} concludes {one_line(given['conclusion'])}"
    nothing = given["rule"] == "0"
    show(given, ["no rule concludes anything" if nothing else concluded, *given["path"]], as_json=server.as_json)


@rules.command("export")
@specification_argument
@with_server
def export_rules(server: Server, specification: str) -> None:
    """Print the rules of SPECIFICATION as JSON that `import` takes.

    \b
    Example:
      casewright rules export order-fulfilment > rules.json
    """
    found = server.client.export_rules(specification)
    show(found, indented(found), as_json=server.as_json)


@rules.command("import")
@specification_argument
@click.argument("document", metavar="JSON|@FILE|-", callback=json_object)
@with_server
def import_rules(server: Server, specification: str, document: dict[str, Any]) -> None:
    """Put rules that were exported in the place of those of SPECIFICATION.

    \b
    Example:
      casewright rules import order-fulfilment @rules.json
    """
    found = server.client.put_rules(specification, document)
    show(found, [f"the rules of {specification} are at version {found['version']}"], as_json=server.as_json)


def _beneath(by_id: dict[str, Any], identifier: str, depth: int) -> list[str]:
    """A rule with those beneath it: corrections further in, alternatives below."""
    lines: list[str] = []
    current: str | None = identifier
    while current is not None:
        rule = by_id[current]
        if current != "0":
            title = f" ({rule['title']})" if rule["title"] else ""
            lines.append(f"{'  ' * depth}{current}: {rule['condition']} -> {one_line(rule['conclusion'])}{title}")
        if rule["corrected_by"] is not None:
            lines += _beneath(by_id, rule["corrected_by"], depth + 1)
        current = rule["otherwise"]
    return lines
