"""`casewright demo`: real orders over HTTP, with a clerk who does what people have to do."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import click

from api.client import AT_REST, ApiProblem, Client
from deploy.commands import stock
from deploy.commands.gallery import ORDER_FULFILMENT, example
from deploy.commands.output import Refused, one_line, printable, show
from deploy.commands.server import Server, reached, with_server

CLERK = "clerk"
PAUSE_S = 0.1
MOST_ORDERS = 100
KG_PER_PIECE = 2.5

# Who orders what, and whether the clerk approves. Of sofas there are none, so nobody is asked about them.
ORDERS = (
    ("Lindgren Furniture", (("chair", 4), ("lamp", 2)), True),
    ("Café Central", (("table", 3),), True),
    ("Harbour Hotel", (("sofa", 1),), True),
    ("Nilsson & Daughters", (("lamp", 10),), False),
    ("Town Library", (("chair", 12), ("table", 2)), True),
)


Say = Callable[[str], None]
"""Where progress is told."""


@dataclass(slots=True)
class Order:
    """One order on its way. `case` is how it was seen last."""

    id: str
    customer: str
    lines: tuple[tuple[str, int], ...]
    approved: bool
    case: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> dict[str, Any]:
        """What its case starts with."""
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in self.lines]
        return {"order": {"id": self.id, "customer": self.customer, "lines": lines}}

    @property
    def at_rest(self) -> bool:
        """Whether it came to an end, or to a stand."""
        return self.case["status"] in AT_REST

    def work(self, task: str) -> Any:
        """What the clerk makes of a task of this order."""
        if task == "approve":
            return {"approved": self.approved, "note": "gladly" if self.approved else "they have not paid yet"}
        return {"weight": KG_PER_PIECE * sum(quantity for _, quantity in self.lines)}


@click.command()
@click.option(
    "--orders",
    "count",
    type=click.IntRange(1, MOST_ORDERS),
    default=len(ORDERS),
    show_default=True,
    help="How many orders.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(1, 600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long they may take.",
)
@with_server
def demo(server: Server, count: int, timeout_s: float) -> None:
    """Watch real orders being fulfilled.

    Deploys the sample order fulfilment, submits orders over HTTP, and plays the clerk who works on them: it enters the
    participant `clerk`, logs in as a user who acts as that one for as long as the demo runs, lists, claims, starts and
    completes items, and shows how each order ends. Where no stock service answers on this machine, it runs one
    meanwhile. Ends with 1 unless every order completes.

    \b
    Example:
      casewright demo --orders 10
    """
    say: Say = _say_nothing if server.as_json else _say
    client = server.client
    with stock.answering(client.base_url), _clerk_of(client) as clerk:
        deployed = client.deploy(example(ORDER_FULFILMENT))
        say(f"{deployed['id']} version {deployed['version']} is deployed")
        orders = _orders(count)
        for order in orders:
            order.case = client.start_case(deployed["id"], order.data, version=deployed["version"])
            pieces = ", ".join(f"{quantity} {sku}" for sku, quantity in order.lines)
            say(f"{order.id}  {pieces} for {order.customer}: submitted as case {order.case['case_id']}")
        until = time.monotonic() + timeout_s
        while not all(order.at_rest for order in orders) and time.monotonic() < until:
            for order in orders:
                _go_on(client, clerk, order, say)
            time.sleep(PAUSE_S)
    _show_end(orders, as_json=server.as_json)


def _orders(count: int) -> list[Order]:
    run = secrets.token_hex(3)
    return [Order(f"{run}-{n + 1}", *ORDERS[n % len(ORDERS)]) for n in range(count)]


@contextmanager
def _clerk_of(client: Client) -> Iterator[Client]:
    """Somebody who acts as the participant `clerk`: a user of the demo's own, who is gone when it is over."""
    _hire(client)
    user, password = f"demo-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
    client.put_user(user, ["participant"], password=password, resource_id=CLERK)
    try:
        with reached(client.base_url, None) as clerk:
            clerk.log_in(user, password)
            yield clerk
    finally:
        client.delete_user(user)


def _hire(client: Client) -> None:
    """Sees to it that the participant `clerk` has the role; what else is known of an existing one stays."""
    try:
        known = client.resource(CLERK)
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        known = {"name": "The clerk of the demo", "roles": []}
    if CLERK not in known["roles"] or not known.get("available"):
        client.put_resource(CLERK, {**known, "roles": [*known["roles"], CLERK], "available": True})


def _go_on(client: Client, clerk: Client, order: Order, say: Say) -> None:
    """Looks after one order, and does what waits for the clerk."""
    if order.at_rest:
        return
    for item in clerk.items(case_id=order.case["case_id"])["items"]:
        _do(clerk, order, item, say)
    order.case = client.case(order.case["case_id"])
    if order.at_rest:
        say(f"{order.id}  {_ending(order)}")


def _do(clerk: Client, order: Order, item: Mapping[str, Any], say: Say) -> None:
    item_id, output = item["item_id"], order.work(item["task"])
    try:
        if item["state"] == "offered":
            clerk.claim(item_id)
        if item["state"] in ("offered", "allocated"):
            clerk.start(item_id)
        clerk.complete(item_id, output)
    except ApiProblem as problem:
        if problem.status not in (404, 409):
            raise
        say(f"{order.id}  {item['task']}: somebody else was faster ({problem.code})")
        return
    say(f"{order.id}  {item['task']}: claimed, started, completed with {one_line(output)}")


def _ending(order: Order) -> str:
    """How an order stands, in a few words."""
    case = order.case
    result, failure = case.get("result"), case.get("failure")
    if failure is not None:
        return f"{case['status']}: {failure['kind']} at {failure['task']}: {failure['message']}"
    if result is None:
        return str(case["status"])
    tracking = f", tracking number {result['tracking']}" if result["tracking"] else ""
    return f"{case['status']}: {result['outcome']}{tracking}"


def _show_end(orders: list[Order], *, as_json: bool) -> None:
    """The end state of each order. Raises `Failure` unless all are completed."""
    ended = [
        {"order": order.id, "case_id": order.case["case_id"], "status": order.case["status"],
         "result": order.case.get("result"), "failure": order.case.get("failure")}
        for order in orders
    ]  # fmt: skip
    completed = sum(order.case["status"] == "completed" for order in orders)
    show({"orders": ended, "completed": completed}, [f"{completed} of {len(orders)} orders completed"], as_json=as_json)
    if completed < len(orders):
        left = [f"{order.id} (case {order.case['case_id']}): {_ending(order)}" for order in orders
                if order.case["status"] != "completed"]  # fmt: skip
        raise Refused("not every order completed", left)


def _say(line: str) -> None:
    click.echo(printable(line))


def _say_nothing(line: str) -> None:
    """Where the result is for programs, there is nothing but the result."""
