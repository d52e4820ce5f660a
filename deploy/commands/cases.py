"""Cases: started, shown, listed, cancelled."""

from collections.abc import Mapping
from typing import Any

import click

from api.client import ApiProblem, CaseStillRuns
from deploy.commands.json_text import json_object, json_value
from deploy.commands.output import NotCompleted, Refused, StillRuns, indented, one_line, printable, show, table
from deploy.commands.server import LONGEST_WAIT_S, Server, with_server

Json = Mapping[str, Any]

STATUSES = ("submitted", "running", "suspended", "completed", "cancelled", "failed", "deadlocked", "faulted")

limit_option = click.option(
    "--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most."
)
cursor_option = click.option("--cursor", help="Go on where a list ended: `next` of what was printed before.")


@click.command()
@click.argument("specification")
@click.option(
    "--data",
    callback=json_object,
    default="{}",
    metavar="JSON|@FILE|-",
    help="The input variables: a JSON object, a file with one, or - for standard input. Default: none.",
)
@click.option("--case-id", help="How the case is named; else it gets a name.")
@click.option("--version", help="The version of the specification; else the latest one.")
@click.option("--at", "start_at", metavar="MOMENT", help="Begin at this moment, as 2026-01-31T08:15:00Z; else at once.")
@click.option("--after", "start_after", metavar="DURATION", help="Begin after this time, as PT4H or P1D.")
@click.option("--wait", is_flag=True, help="Wait until the case comes to rest, and show how it stands then.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, LONGEST_WAIT_S),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait.",
)
@with_server
def start(
    server: Server,
    specification: str,
    data: dict[str, Any],
    case_id: str | None,
    version: str | None,
    start_at: str | None,
    start_after: str | None,
    wait: bool,
    timeout_s: float,
) -> None:
    """Start a case of SPECIFICATION.

    With --wait the exit code tells how it ended: 0 completed, 5 ended otherwise or stands still, 4 it still runs.
    (A work item of a case is started with `casewright start-item`.)

    \b
    Example:
      casewright start order-fulfilment --data @order.json --wait
    """
    accepted = server.client.start_case(
        specification, data, version=version, case_id=case_id, start_at=start_at, start_after=start_after
    )
    if not wait:
        show(accepted, [f"case {accepted['case_id']} is {accepted['status']}"], as_json=server.as_json)
        return
    try:
        ended = server.client.wait_for_case(accepted["case_id"], timeout_s)
    except CaseStillRuns as still:
        show(still.case, case_lines(still.case), as_json=server.as_json)
        raise StillRuns(f"{still} after {timeout_s:g} s") from None
    show(ended, case_lines(ended), as_json=server.as_json)
    if ended["status"] != "completed":
        raise NotCompleted(f"case {ended['case_id']} is {ended['status']}")


@click.command()
@click.argument("case_id", metavar="CASE")
@click.option("--journal", is_flag=True, help="Show also what has happened in it.")
@with_server
def case(server: Server, case_id: str, journal: bool) -> None:
    """Show a case.

    Its status, data and marking, which tasks wait, and with --journal what has happened in it.

    \b
    Example:
      casewright case order-1001 --journal
    """
    shown = server.client.case(case_id)
    lines = case_lines(shown)
    if journal:
        shown["journal"] = list(server.client.whole_journal(case_id))
        lines += ["  journal", *journal_lines(shown["journal"])]
    show(shown, lines, as_json=server.as_json)


@click.command()
@click.argument("case_id", metavar="CASE")
@click.option("--at", metavar="MOMENT", help="As it was then: 2026-01-31T08:15:00Z.")
@click.option("--seq", type=click.IntRange(1), help="As it was after this entry of its journal.")
@with_server
def replay(server: Server, case_id: str, at: str | None, seq: int | None) -> None:
    """Make a case again from its journal, and show it as it was.

    Without a moment or an entry the whole journal is replayed; where it does not lead to itself, the entry is named.

    \b
    Examples:
      casewright replay order-1001 --at 2026-01-31T08:15:00Z
      casewright replay order-1001 --seq 4
    """
    shown = server.client.case_then(case_id, at=at, seq=seq)
    lines = [f"after entry {shown['seq']} of its journal, at {shown['as_of']}", *case_lines(shown)]
    if shown["items"]:
        lines.append("  items")
        rows = [(each["item_id"], each["task"], each["state"], each["owner"] or "") for each in shown["items"]]
        lines += [f"    {line}" for line in table(("ITEM", "TASK", "STATE", "WHO"), rows)]
    show(shown, lines, as_json=server.as_json)


@click.command()
@click.option("--status", type=click.Choice(STATUSES), help="Only those that stand so.")
@click.option("--specification", help="Only those of this specification.")
@click.option("--parent", help="Only those that composite tasks of this case have started.")
@limit_option
@cursor_option
@with_server
def cases(
    server: Server, status: str | None, specification: str | None, parent: str | None, limit: int, cursor: str | None
) -> None:
    """List cases, newest first.

    \b
    Example:
      casewright cases --status running --specification order-fulfilment
    """
    page = server.client.cases(status=status, specification=specification, parent=parent, limit=limit, cursor=cursor)
    rows = [
        (each["case_id"], f"{each['specification']} {each['version']}", each["status"], each["created_at"] or "")
        for each in page["items"]
    ]
    lines = table(("CASE", "SPECIFICATION", "STATUS", "CREATED"), rows)
    show(page, [*lines, *more_lines(page)], as_json=server.as_json)


@click.command()
@click.argument("case_id", metavar="CASE")
@click.option("--reason", help="Why; it stands in the journal.")
@with_server
def cancel(server: Server, case_id: str, reason: str | None) -> None:
    """Cancel a case: what remains of it is withdrawn.

    \b
    Example:
      casewright cancel order-1001 --reason "ordered twice"
    """
    asked = server.client.cancel_case(case_id, reason)
    show(asked, [f"case {asked['case_id']} is being cancelled"], as_json=server.as_json)


@click.command()
@click.argument("case_id", metavar="CASE")
@with_server
def suspend(server: Server, case_id: str) -> None:
    """Suspend a case and all below it.

    Nothing starts in it, and what comes back meanwhile is kept until it goes on.

    \b
    Example:
      casewright suspend order-1001
    """
    asked = server.client.suspend_case(case_id)
    show(asked, [f"case {asked['case_id']} is being suspended"], as_json=server.as_json)


@click.command()
@click.argument("case_id", metavar="CASE")
@with_server
def resume(server: Server, case_id: str) -> None:
    """Let a suspended case and all below it go on.

    \b
    Example:
      casewright resume order-1001
    """
    asked = server.client.resume_case(case_id)
    show(asked, [f"case {asked['case_id']} goes on"], as_json=server.as_json)


@click.command()
@click.argument("case_id", metavar="CASE")
@click.option("--drop", is_flag=True, help="Leave out the event that could not be handled.")
@with_server
def retry(server: Server, case_id: str, drop: bool) -> None:
    """Let a faulted case go on.

    It takes the event that could not be handled once more, then what came after it, in order. With --drop that event is
    left out; it stays in no list, and the journal says so.

    \b
    Example:
      casewright retry order-1001
    """
    asked = server.client.retry_case(case_id, drop=drop)
    show(asked, [f"case {asked['case_id']} is retried"], as_json=server.as_json)


@click.command()
@click.argument("case_ids", metavar="CASE...", nargs=-1, required=True)
@click.option("--to", "version", required=True, metavar="VERSION", help="The version they go on with.")
@with_server
def migrate(server: Server, case_ids: tuple[str, ...], version: str) -> None:
    """Let running cases go on with another version of their specification.

    A case goes only if everything that is marked, runs or waits in it has a place there and its data fits; else it
    stays as it is, and every reason is told. The command ends with 1 where a case stayed.

    \b
    Example:
      casewright migrate order-1001 order-1002 --to 1.3
    """
    moved: list[Json] = []
    stayed: list[dict[str, Any]] = []
    for case_id in case_ids:
        try:
            moved.append(server.client.migrate_case(case_id, version))
        except ApiProblem as problem:
            stayed.append({"case_id": case_id, "problem": problem.problem})
    lines = [f"case {each['case_id']} goes on with version {version}" for each in moved]
    for each in stayed:
        lines.append(f"case {each['case_id']} stays: {printable(str(each['problem'].get('detail', '')))}")
        lines += [f"  {error['path']}: {printable(error['message'])}" for error in each["problem"].get("errors") or ()]
    show({"migrated": moved, "stayed": stayed}, lines, as_json=server.as_json)
    if stayed:
        raise Refused(f"{len(stayed)} of {len(case_ids)} cases stay with their version")


@click.command("dead-letters")
@click.option("--case", "case_id", help="Only those of this case.")
@limit_option
@cursor_option
@with_server
def dead_letters(server: Server, case_id: str | None, limit: int, cursor: str | None) -> None:
    """List the events that could not be handled.

    Their cases are faulted: they stand still, and what comes for them waits. `casewright retry CASE` lets one go on,
    `casewright cancel CASE` gives it up. With --json the tracebacks are shown too.

    \b
    Example:
      casewright dead-letters
    """
    page = server.client.dead_letters(case_id=case_id, limit=limit, cursor=cursor)
    rows = [
        (each["case_id"], each["event"]["type"], each["at"] or "", str(each["waiting"]), printable(each["error"]))
        for each in page["items"]
    ]
    lines = table(("CASE", "EVENT", "AT", "WAITING", "ERROR"), rows)
    show(page, [*lines, *more_lines(page)], as_json=server.as_json)


@click.command()
@click.option(
    "--state",
    type=click.Choice(["open", "handled", "unhandled", "abandoned"]),
    help="open: something is being done about them. Default: all others.",
)
@click.option("--kind", help="Only those of this kind, as timeout or connector_failed.")
@click.option("--specification", help="Only those of this specification.")
@click.option("--case", "case_id", help="Only those of this case.")
@limit_option
@cursor_option
@with_server
def exceptions(
    server: Server,
    state: str | None,
    kind: str | None,
    specification: str | None,
    case_id: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """List exceptions of all cases, the latest first.

    What is being done about some (--state open), and what became of others. What was done about one, and why, stands in
    the journal of its case.

    \b
    Example:
      casewright exceptions --state open
    """
    page = server.client.exceptions(
        state=state, kind=kind, specification=specification, case_id=case_id, limit=limit, cursor=cursor
    )
    rows = [
        (
            each["case_id"],
            each["kind"],
            each["task"] or "",
            each["raised_at"] or "",
            each["state"],
            printable(each["message"]),
        )
        for each in page["items"]
    ]
    lines = table(("CASE", "KIND", "TASK", "RAISED", "STATE", "MESSAGE"), rows)
    show(page, [*lines, *more_lines(page)], as_json=server.as_json)


@click.command()
@click.argument("case_id", metavar="CASE")
@click.argument("name")
@click.option(
    "--data",
    callback=json_value,
    default="null",
    metavar="JSON|@FILE|-",
    help="What happened: JSON, a file with it, or - for standard input. Default: null.",
)
@with_server
def trigger(server: Server, case_id: str, name: str, data: Any) -> None:
    """Tell a case that NAME happened outside.

    The first task with this trigger that waits starts. Where none waits, a persistent trigger is kept for it and a
    transient one is lost.

    \b
    Example:
      casewright trigger order-1001 payment_received --data '{"amount": 12}'
    """
    asked = server.client.post_event(case_id, name, data)
    show(asked, [f"case {asked['case_id']} is told of {name}"], as_json=server.as_json)


@click.command("raise")
@click.argument("case_id", metavar="CASE")
@click.argument("name")
@click.option("--item", "item_id", help="The item that it is about; else the case as a whole.")
@click.option(
    "--data",
    callback=json_object,
    default="{}",
    metavar="JSON|@FILE|-",
    help="Variables of the case that it brings: a JSON object, a file with one, or - for standard input.",
)
@with_server
def raise_(server: Server, case_id: str, name: str, item_id: str | None, data: dict[str, Any]) -> None:
    """Tell a case that NAME happened, which its flow does not foresee.

    What is done about it the rules of its specification say, else its handlers; where none does it is only noted.

    \b
    Example:
      casewright raise order-1001 customer_insolvent
    """
    asked = server.client.raise_exception(case_id, name, item_id=item_id, data=data)
    show(asked, [f"case {asked['case_id']} is told of {name}"], as_json=server.as_json)


@click.command()
@click.argument("case_id", metavar="CASE")
@with_server
def replace(server: Server, case_id: str) -> None:
    """Call off a worklet, named by its own CASE, and have the rules choose anew.

    \b
    Example:
      casewright replace ward-7.3
    """
    asked = server.client.replace_worklet(case_id)
    show(asked, [f"case {asked['case_id']} runs another worklet"], as_json=server.as_json)


def case_lines(shown: Json) -> list[str]:
    """A case, for people."""
    lines = [
        f"case {shown['case_id']} of {shown['specification']} version {shown['version']}: {shown['status']}",
        f"  submitted by {shown['submitted_by']} at {shown['created_at'] or '(not yet begun)'}"
        + (f", ended at {shown['ended_at']}" if shown["ended_at"] else ""),
    ]
    failure = shown["failure"]
    if failure is not None:
        at = f" at {failure['task']}" if failure["task"] else ""
        lines.append(f"  {failure['kind']}{at}: {printable(failure['message'])}")
    lines += [_task_line(each) for each in shown["tasks"]]
    for each in shown["timers"]:
        what = f"of {each['task']}" if each["task"] else f"({each['kind']})"
        lines.append(f"  a timer {what} is due at {each['due_at']}")
    if shown["children"]:
        lines.append(f"  cases below it: {', '.join(shown['children'])}")
    for part in ("marking", "data", "result"):
        if shown[part]:
            lines += [f"  {part}", *indented(shown[part])]
    return lines


def journal_lines(entries: list[dict[str, Any]]) -> list[str]:
    """A journal, for people: a line for each event with who did it and what followed."""
    return [
        f"    {entry['seq']:>4}  {entry['at']}  {entry['event']['type']:<16}  {_event_line(entry)}".rstrip()
        for entry in entries
    ]


def more_lines(page: Json) -> list[str]:
    """That a list goes on, and how to see the rest."""
    return [f"(more: --cursor {page['next']})"] if page["next"] else []


def _event_line(entry: Json) -> str:
    event = entry["event"]
    said = [f"by {event['by']}"] if event.get("by") else []
    if "move" in event:
        said.insert(0, f"{event['move']} {event['item']}")
    return printable("; ".join([*said, *map(_effect_line, entry["effects"])]))


def _effect_line(effect: Json) -> str:
    words = [effect["what"], effect.get("task", ""), effect.get("item_id", "")]
    if "detail" in effect:
        words.append(effect["detail"] if isinstance(effect["detail"], str) else one_line(effect["detail"]))
    return " ".join(word for word in words if word)


def _task_line(task: Json) -> str:
    counts = task["instances"]
    several = f", {counts['total'] - counts['active']} of {counts['total']} instances have ended" if counts else ""
    return f"  {task['task']} is {task['state']} ({task['item_id']}){several}"
