"""Connectors: what there is, how it is configured, how it fares, and a call to try one out."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Annotated, Any, Literal
from uuid import uuid4

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, RootModel

from api.answers import answer, no_content
from api.context import correlation_id, parts, principal
from api.messages import Body, ListQuery, moment
from api.pages import page_of
from api.permissions import Permission
from api.routes import Routes
from connectors.port import CallRequest, Done, Outcome
from deploy.installed_connectors import Installed, Source
from engine.errors import InvalidInput, Problem
from engine.store.gates import Breaker, Load

routes = Routes("connectors")

LONGEST_TEST_S = 25.0
"""A request that tries a connector out holds a thread of the server for so long at most."""


class ConnectorAddress(BaseModel):
    """Names a connector."""

    name: str


class ConnectorBody(RootModel[dict[str, Any]]):
    """A connector as a file would describe it: `connector` (its kind), its settings, `limits`, `breaker`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "connector": "http",
                "base_url": "https://stock.internal/api",
                "auth": {"bearer": {"secret": "STOCK_TOKEN"}},
                "limits": {"concurrency": 20, "rate": "100/s"},
            }
        }
    )


class BreakerView(BaseModel):
    """The breaker of a host in trouble. `until`: it is open so long; then one call at a time may try."""

    host: str
    state: Literal["open", "half_open"]
    since: str | None
    until: str | None
    cause: str


class ConnectorView(BaseModel):
    """A connector. `settings` are as they were written: secrets stand there by name only.

    `under_way` and `waiting` count the calls of one that has limits; `breakers` are of hosts that it found in trouble.
    """

    name: str
    kind: str
    source: Literal["file", "api", "built_in"]
    settings: dict[str, Any]
    under_way: int | None
    waiting: int | None
    breakers: list[BreakerView]


class ConnectorList(BaseModel):
    """A page of connectors, by name."""

    items: list[ConnectorView]
    next: str | None


class TrialBody(Body):
    """A call to try a connector out: the `config` a task would have, templates filled in, and its input."""

    config: dict[str, Any] = {}
    input: dict[str, Any] = {}
    timeout_s: Annotated[float, Field(gt=0, le=LONGEST_TEST_S, strict=False)] = 10.0


class TrialView(BaseModel):
    """What came of it: an output, or a failure of some kind; and how long it took."""

    outcome: Literal["done", "failed"]
    output: Any = None
    kind: str | None = None
    message: str | None = None
    retryable: bool | None = None
    retry_after_s: float | None = None
    elapsed_ms: int


@routes.get("/connectors", Permission.CONNECTORS_READ, {200: ConnectorList})
def list_connectors(query: ListQuery) -> Response:
    """Lists connectors."""
    found, following = page_of(parts().installed.installed(), lambda each: (0, each.name), query.limit, query.cursor)
    return answer(ConnectorList(items=_views(found), next=following))


@routes.get("/connectors/<name>", Permission.CONNECTORS_READ, {200: ConnectorView})
def get_connector(path: ConnectorAddress) -> Response:
    """Shows a connector."""
    return answer(_views([parts().installed.get(path.name)])[0])


@routes.put("/connectors/<name>", Permission.CONNECTORS_WRITE, {200: ConnectorView, 201: ConnectorView})
def put_connector(path: ConnectorAddress, body: ConnectorBody) -> Response:
    """Configures a connector. All processes take it over within seconds; calls under way go on as they began."""
    now = parts().store.now()
    new = parts().installed.put(path.name, body.root, principal().user, now)
    return answer(_views([parts().installed.get(path.name)])[0], 201 if new else 200)


@routes.delete("/connectors/<name>", Permission.CONNECTORS_WRITE, {204: None})
def delete_connector(path: ConnectorAddress) -> Response:
    """Removes a connector that was configured over the API. A call that is made of it from now on fails."""
    parts().installed.delete(path.name)
    return no_content()


@routes.post("/connectors/<name>/test", Permission.CONNECTORS_WRITE, {200: TrialView})
def test_connector(path: ConnectorAddress, body: TrialBody) -> Response:
    """Makes one call, as a worker would, and says what came of it. It passes no limits, and no case sees it."""
    parts().installed.get(path.name)
    connector = parts().connectors.get(path.name)
    assert connector is not None, "what is installed is there"
    problems = [
        Problem(".".join(map(str, ("$.config", *problem.path))), problem.message)
        for problem in connector.check_config(body.config)
    ]
    if problems:
        raise InvalidInput("the config does not fit the connector", code="invalid_request", problems=problems)
    began = monotonic()
    request = CallRequest(f"test-{uuid4()}", 1, path.name, body.config, body.input, body.timeout_s, correlation_id())
    outcome = parts().connectors.call(request)
    return answer(_tested(outcome, round((monotonic() - began) * 1000)))


def _tested(outcome: Outcome, elapsed_ms: int) -> TrialView:
    if isinstance(outcome, Done):
        return TrialView(outcome="done", output=outcome.output, elapsed_ms=elapsed_ms)
    return TrialView(
        outcome="failed",
        kind=outcome.kind,
        message=outcome.message,
        retryable=outcome.retryable,
        retry_after_s=outcome.retry_after_s,
        elapsed_ms=elapsed_ms,
    )


def _views(installed: Sequence[Installed]) -> list[ConnectorView]:
    limited = [each.name for each in installed if parts().connectors.terms(each.name).limited]
    loads: Mapping[str, Load] = dict(zip(limited, parts().gates.load(limited), strict=True))
    breakers = parts().gates.breakers()
    return [_view(each, loads.get(each.name), breakers) for each in installed]


def _view(installed: Installed, load: Load | None, breakers: Sequence[Breaker]) -> ConnectorView:
    own = parts().connectors.target(installed.name, {})
    return ConnectorView(
        name=installed.name,
        kind=installed.kind,
        source=Source(installed.source).value,
        settings={key: value for key, value in installed.written.items() if key != "connector"},
        under_way=load.under_way if load is not None else None,
        waiting=load.waiting if load is not None else None,
        breakers=[
            BreakerView(
                host=each.host,
                state="open" if each.state == "open" else "half_open",
                since=moment(each.since),
                until=moment(each.until),
                cause=each.cause,
            )
            for each in breakers
            if each.connector == installed.name or each.host == own
        ],
    )
