"""Webhooks: who is told of what happens to cases and items. `workers.webhooks` sends them."""

import secrets
from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from api.answers import answer, no_content
from api.context import parts, principal
from api.deployed import IDENTIFIER
from api.messages import Body, ListQuery, moment
from api.names import NAME
from api.pages import page_of
from api.permissions import Permission
from api.routes import Routes
from connectors.http_config import is_url
from engine.errors import Conflict, InvalidInput, NotFound, Problem
from engine.store.webhooks import MOST_WEBHOOKS, Delivery, Webhook, event_of

routes = Routes("webhooks")

EVENT = r"\*|(case|item)\.(\*|[a-z_]{1,32})"
LEAST_SECRET = 32


class WebhookAddress(BaseModel):
    """Names a webhook."""

    name: str


class DeliveryAddress(BaseModel):
    """Names a delivery."""

    delivery_id: str


class WebhookBody(Body):
    """Who is told where of what: `case.completed`, `item.*`, `*`. Without `secret` the present one stays, or one is
    made.

    `specifications`: ids (null: all). One that is not `active` is told nothing, and nothing is kept for it.
    """

    url: str = Field(max_length=2000)
    secret: str | None = Field(None, min_length=LEAST_SECRET, max_length=256, pattern="^[!-~]+( [!-~]+)*$")
    events: list[Annotated[str, Field(pattern=f"^({EVENT})$")]] = Field(["*"], min_length=1, max_length=50)
    specifications: list[Annotated[str, Field(pattern=f"^{IDENTIFIER.pattern}$", max_length=100)]] | None = Field(
        None, max_length=1_000
    )
    active: bool = True


class WebhookView(BaseModel):
    """A webhook, without its secret."""

    name: str
    url: str
    events: list[str]
    specifications: list[str] | None
    active: bool
    put_at: str | None
    put_by: str


class EnteredWebhook(WebhookView):
    """A webhook that was entered. `secret` is there only if it was made here, and shown this once."""

    secret: str | None


class WebhookList(BaseModel):
    """A page of webhooks, by name."""

    items: list[WebhookView]
    next: str | None


class DeliveryView(BaseModel):
    """What could not be sent, how often that was tried, and what went wrong last."""

    id: str
    webhook: str | None
    person: str | None
    event: str
    case_id: str
    item_id: str | None
    attempts: int
    tried_at: str | None
    error: str


class DeliveryList(BaseModel):
    """A page of dead deliveries, the newest first."""

    items: list[DeliveryView]
    next: str | None


@routes.get("/webhooks", Permission.WEBHOOKS_READ, {200: WebhookList})
def list_webhooks(query: ListQuery) -> Response:
    """Lists webhooks."""
    kept = parts().access.webhooks.webhooks()
    found, following = page_of(kept, lambda each: (0, each.name), query.limit, query.cursor)
    return answer(WebhookList(items=[_view(each) for each in found], next=following))


@routes.get("/webhooks/<name>", Permission.WEBHOOKS_READ, {200: WebhookView})
def get_webhook(path: WebhookAddress) -> Response:
    """Shows a webhook."""
    return answer(_view(_find(path.name)))


@routes.put("/webhooks/<name>", Permission.WEBHOOKS_WRITE, {200: EnteredWebhook, 201: EnteredWebhook})
def put_webhook(path: WebhookAddress, body: WebhookBody) -> Response:
    """Enters or changes a webhook. It is told of what happens from half a second later on."""
    _check(path.name, body)
    kept = parts().access.webhooks
    present, now = kept.webhook(path.name), parts().store.now()
    if present is None and len(kept.webhooks()) >= MOST_WEBHOOKS:
        raise Conflict(f"there are {MOST_WEBHOOKS} webhooks already: remove one first", code="too_many_webhooks")
    made = secrets.token_urlsafe(32) if body.secret is None and present is None else None
    webhook = Webhook(
        name=path.name,
        url=body.url,
        secret=body.secret or made or (present.secret if present is not None else ""),
        events=tuple(sorted(set(body.events))),
        specifications=tuple(sorted(set(body.specifications))) if body.specifications is not None else None,
        active=body.active,
        made_at=present.made_at if present is not None else now,
        put_at=now,
        put_by=principal().user,
    )
    kept.put_webhook(webhook)
    shown = EnteredWebhook(**_view(webhook).model_dump(), secret=made)
    return answer(shown, 200 if present is not None else 201, {"Cache-Control": "no-store"})


@routes.delete("/webhooks/<name>", Permission.WEBHOOKS_WRITE, {204: None})
def delete_webhook(path: WebhookAddress) -> Response:
    """Removes a webhook; what is on its way to it is dropped."""
    if not parts().access.webhooks.delete_webhook(path.name):
        raise _unknown(path.name)
    return no_content()


@routes.get("/webhook-deliveries/dead", Permission.WEBHOOKS_READ, {200: DeliveryList})
def list_dead_deliveries(query: ListQuery) -> Response:
    """Lists what could not be sent, however often it was tried."""
    page = parts().access.webhooks.dead(query.limit, query.cursor)
    return answer(DeliveryList(items=[_delivery_view(each) for each in page.deliveries], next=page.next))


@routes.post("/webhook-deliveries/<delivery_id>/retry", Permission.WEBHOOKS_WRITE, {204: None})
def retry_delivery(path: DeliveryAddress) -> Response:
    """Sends a dead delivery again."""
    if not parts().access.webhooks.revive(path.delivery_id, parts().store.now()):
        raise NotFound(f"no dead delivery {path.delivery_id}", code="delivery_not_found")
    return no_content()


def _check(name: str, body: WebhookBody) -> None:
    problems = []
    if not NAME.fullmatch(name):
        problems.append(Problem("name", f"is to be {NAME.pattern}"))
    if not is_url(body.url) or "@" in body.url.partition("//")[2].partition("/")[0]:
        problems.append(Problem("$.url", "is to be an http or https URL without a user"))
    if problems:
        raise InvalidInput("this can be no webhook", code="invalid_request", problems=problems)


def _find(name: str) -> Webhook:
    webhook = parts().access.webhooks.webhook(name)
    if webhook is None:
        raise _unknown(name)
    return webhook


def _view(webhook: Webhook) -> WebhookView:
    return WebhookView(
        name=webhook.name,
        url=webhook.url,
        events=list(webhook.events),
        specifications=list(webhook.specifications) if webhook.specifications is not None else None,
        active=webhook.active,
        put_at=moment(webhook.put_at),
        put_by=webhook.put_by,
    )


def _delivery_view(delivery: Delivery) -> DeliveryView:
    notice = delivery.notice
    return DeliveryView(
        id=delivery.id,
        webhook=delivery.webhook or None,
        person=delivery.person or None,
        event=event_of(notice),
        case_id=notice.case_id,
        item_id=notice.id if notice.id != notice.case_id else None,
        attempts=delivery.attempts,
        tried_at=moment(delivery.due),
        error=delivery.error,
    )


def _unknown(name: str) -> NotFound:
    return NotFound(f"no webhook {name}", code="webhook_not_found")
