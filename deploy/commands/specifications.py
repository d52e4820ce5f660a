"""Specifications: deployed, and checked without a server."""

import click

from api.client import ApiProblem
from deploy.commands.output import Failure, Refused, printable, show
from deploy.commands.server import Server, failure_of, with_server
from deploy.commands.settings import json_option
from deploy.commands.text_file import TextFile, file_argument
from engine.spec.diagnostics import SpecificationInvalid

NAMES_IN_ERRORS = ("specification.yaml", "specification.json")
"""What the server, which does not know the file, calls it in the place of an error."""


strict_option = click.option("--strict", is_flag=True, help="Refuse a specification in which a net is not sound.")


@click.command()
@file_argument
@strict_option
@with_server
def deploy(server: Server, file: TextFile, *, strict: bool) -> None:
    """Deploy the specification in FILE.

    It is YAML, or JSON where the name ends so. A version is deployed once: the same content again changes nothing,
    other content is refused.

    \b
    Example:
      casewright deploy order-fulfilment.yaml
    """
    try:
        deployed = server.client.deploy(file.text, media_type=_media_type(file.name), strict=strict)
    except ApiProblem as problem:
        raise _refused(file.name, problem) from None
    lines = [f"{deployed['id']} version {deployed['version']} is deployed"]
    show(deployed, [*lines, *(f"warning: {warning}" for warning in deployed["warnings"])], as_json=server.as_json)


@click.command()
@file_argument
@strict_option
@click.option("--picture", type=click.Path(dir_okay=False), help="Draw the nets into this file, as SVG.")
@json_option
def validate(file: TextFile, *, strict: bool, picture: str | None, as_json: bool) -> None:
    """Check the specification in FILE here, without a server.

    Says everything that is wrong, each with its line and column, and ends with 1 where anything is. Then looks at what
    may happen in each net: whether a case can always complete with nothing left, whether each task can start. What it
    finds is a warning, told step by step; with --strict it is wrong too. A picture shows the steps of the first one.

    What an automated task may call depends on the installation: a function must stand in CASEWRIGHT_FUNCTIONS_ALLOWED
    here too.

    \b
    Examples:
      casewright validate order-fulfilment.yaml
      casewright validate --strict --picture order-fulfilment.svg order-fulfilment.yaml
    """
    # The compiler of specifications takes longer to load than any other command takes to run.
    from deploy.commands.checking import checked_specification, draw, installed_connectors
    from engine.spec.soundness import check_specification

    try:
        valid = checked_specification(file.text, file.name, installed_connectors())
    except SpecificationInvalid as invalid:
        errors = [diagnostic._asdict() for diagnostic in invalid.diagnostics]
        show({"valid": False, "errors": errors}, [], as_json=as_json)
        raise failure_of_invalid(invalid) from None
    nets = check_specification(valid)
    if picture is not None:
        draw(valid, nets, picture)
    refused = strict and any(net.findings for net in nets)
    stories = [printable(line) for net in nets for line in net.story()]
    lines = [f"warning: {warning}" for warning in valid.warnings] + [_as_warning(line) for line in stories]
    warnings = [*valid.warnings, *(warning for net in nets for warning in net.warnings())]
    shown = {"valid": not refused, "id": valid.id, "version": valid.version, "title": valid.title}
    last = [] if refused else [f"{valid.id} version {valid.version} is valid"]
    show({**shown, "warnings": warnings}, [*lines, *last], as_json=as_json)
    if refused:
        raise Refused("the specification is not sound")


def failure_of_invalid(invalid: SpecificationInvalid) -> Failure:
    """Prints all that is wrong with a specification, each from the start of a line, where editors look for places."""
    for diagnostic in invalid.diagnostics:
        click.echo(printable(str(diagnostic)), err=True)
    return Refused(invalid.message)


def _as_warning(line: str) -> str:
    """A line of a story: its heads are warnings, its steps stand below them."""
    return line if line.startswith(" ") else f"warning: {line}"


def _media_type(name: str) -> str:
    return "application/json" if name.lower().endswith(".json") else "application/yaml"


def _refused(name: str, problem: ApiProblem) -> Failure:
    """What the server refused; the errors of a specification each at its place in the file."""
    if problem.code != SpecificationInvalid.code:
        return failure_of(problem)
    messages = [str(error["message"]) for error in problem.errors]
    for known in NAMES_IN_ERRORS:
        messages = [
            name + message.removeprefix(known) if message.startswith(known) else message for message in messages
        ]
    return Refused(str(problem.problem["detail"]), messages)
