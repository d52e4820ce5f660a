"""The kinds of connector: those that come with this package, and those that others add by entry point.

A package adds one under the group `casewright.connectors`, its name being that of the kind, its object a `Kind`:

    [project.entry-points."casewright.connectors"]
    fax = "shop.fax:KIND"
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from connectors import http_config, mail, queue, sql_settings
from connectors.config import Check, list_of, table, text
from connectors.echo import EchoConnector
from connectors.function import FunctionConnector
from connectors.guard import Guard
from connectors.http import HttpConnector
from connectors.mail import MailConnector
from connectors.port import Connector
from connectors.queue import QueueConnector
from connectors.webhook import WebhookConnector

GROUP = "casewright.connectors"

Resolve: TypeAlias = Callable[[Any], Any]
"""Puts the value in place of each `{secret: NAME}`. Raises `SecretMissing`."""


class KindUnusable(Exception):
    """A package adds a kind of connector that is none, or whose name is taken."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of connector.

    `build(name, settings, resolve)` makes one from settings that `check_settings` found no problem with; they hold
    `{secret: NAME}` as written, and `resolve` is asked for the values at each call, so that a secret that was changed
    is used from the next call on. `as_is` says that an installation has one under the kind's own name, without
    settings, unless it configures that name; `over_api` that who administers it may configure one over the API too.
    """

    check_settings: Check
    build: Callable[[str, Mapping[str, Any], Resolve], Connector]
    as_is: bool = False
    over_api: bool = True


def kinds(added: Iterable[EntryPoint] | None = None) -> dict[str, Kind]:
    """All kinds by name. Raises `KindUnusable`."""
    found = dict(BUILT_IN)
    for entry in entry_points(group=GROUP) if added is None else added:
        if entry.name in found:
            raise KindUnusable(f"{entry.value} adds a connector {entry.name}, and there is one already")
        found[entry.name] = _loaded(entry)
    return found


def _loaded(entry: EntryPoint) -> Kind:
    try:
        kind = entry.load()
    except (ImportError, AttributeError) as error:
        raise KindUnusable(f"the connector {entry.name} cannot be loaded from {entry.value}: {error}") from error
    if not isinstance(kind, Kind):
        raise KindUnusable(f"{entry.value}, named as connector {entry.name}, is no Kind")
    return kind


def _http(name: str, settings: Mapping[str, Any], resolve: Resolve) -> Connector:
    guard = Guard([*settings.get("allow", ()), *_chosen_hosts(settings)])
    return HttpConnector(name, settings, resolve, guard)


def _chosen_hosts(settings: Mapping[str, Any]) -> Iterable[str]:
    """The hosts that the installation itself sends calls to: to name them is to allow them."""
    oauth2 = settings.get("auth", {}).get("oauth2", {})
    for url in (settings.get("base_url"), oauth2.get("token_url")):
        # One that is a secret is known to nobody yet; then `allow` has to name it.
        if isinstance(url, str):
            parts = urlsplit(url)
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            yield f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _sql(name: str, settings: Mapping[str, Any], resolve: Resolve) -> Connector:
    try:
        from connectors.sql import SqlConnector
    except ImportError as absent:
        raise KindUnusable(f"the connector {name} needs SQLAlchemy: pip install 'casewright[sql]'") from absent
    return SqlConnector(settings, name, resolve)


_NOTHING = table({})
_FUNCTIONS = table({"allowed": list_of(text)}, required=("allowed",))

BUILT_IN: Mapping[str, Kind] = {
    "echo": Kind(_NOTHING, lambda name, settings, resolve: EchoConnector(name=name), as_is=True),
    # Which code a worker runs is said by who installs it.
    "function": Kind(
        _FUNCTIONS, lambda name, settings, resolve: FunctionConnector(settings["allowed"], name), over_api=False
    ),
    "http": Kind(http_config.check_settings, _http, as_is=True),
    "mail": Kind(mail.check_settings, lambda name, settings, resolve: MailConnector(settings, name, resolve)),
    "queue": Kind(queue.check_settings, lambda name, settings, resolve: QueueConnector(settings, name, resolve)),
    "sql": Kind(sql_settings.check_settings, _sql),
    "webhook": Kind(_NOTHING, lambda name, settings, resolve: WebhookConnector(name), as_is=True),
}
