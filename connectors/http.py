"""The `http` connector: one HTTP request, made with requests, and its answer.

| key of the config | meaning |
|---|---|
| `url` | http or https; with a base URL in the settings, what follows it |
| `method` | GET (default), POST, PUT, PATCH, DELETE, HEAD, OPTIONS |
| `headers` | name to value; those that `auth` and the connector set take precedence |
| `query` | name to value, added to the query of the URL; a list repeats the name, null leaves it out |
| `body` | what is sent; null: no body |
| `encode` | how: `json`, `xml`, `form`, `multipart`, `text`, `base64` (`connectors.bodies`) |
| `decode` | how the answer is read: `json`, `xml`, `text`, `base64`; by default as its content type says |
| `auth` | one of `bearer`, `api_key`, `basic`, `oauth2` (`connectors.auth`) |
| `timeout_s` | total, from connecting to the last byte; the smaller of this and the request's own counts |
| `connect_timeout_s`, `read_timeout_s` | for connecting, and for each wait for something to read |
| `expect` | the statuses that are a success, such as `2xx` (default) or `404` |
| `redirects` | how many are followed; 0 (default): a redirect is a status like any other |
| `max_request_bytes`, `max_response_bytes` | the longest bodies, the second after decompression; default 5 MiB |
| `callback` | true: an expected status is not the outcome yet, that comes to `{callback: url}` of the config |
| `wait_s`, `signature` | of a callback, as for the `webhook` connector |

Where neither `body` nor `query` is given, the task's input is sent: as a body by POST, PUT and PATCH, as the query by
the others (a mapping in it as its JSON text). A POST, PUT or PATCH with `query` alone still sends the input. The output
is `{status, headers, body, elapsed_ms}`, header names in lower case; of a callback `{headers, body}`.

| key of the settings | meaning |
|---|---|
| `base_url` | every call goes to this URL or below it |
| `auth`, `headers` | what every call is sent with; only with `base_url`, which says to whom |
| `timeout_s` and the other limits, `redirects` | as in the config; the smaller one counts |
| `allow` | addresses beside the global ones (`connectors.guard`) |
| `proxy` | `{url, username, password}` |
| `tls` | `connectors.tls` |
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from urllib3.exceptions import HTTPError

from connectors import auth, bodies
from connectors.callbacks import OWN, items_in
from connectors.config import bad_config, check_deployed
from connectors.guard import AddressRefused, Guard
from connectors.http_answer import broken, content_of, is_expected, output_of, unexpected, where
from connectors.http_config import (
    DEFAULT_BODY_BYTES,
    MAX_TIMEOUT_S,
    check_settings,
    check_with,
    host_of,
    merged,
)
from connectors.http_exchange import Exchange
from connectors.http_request import request_of
from connectors.inbound import outcome_of
from connectors.oauth import LIFETIME_S, AccessToken, AccessTokens, Grant, TokenWaitTooLong
from connectors.port import Answer, CallRequest, ConfigProblem, Failed, FailureKind, Inbound, Outcome
from connectors.secrets import shown_url
from connectors.sessions import Sessions
from connectors.tls import Tls, TlsUnusable
from connectors.webhook import later

HOSTS_PER_THREAD = 32
"""To how many hosts a thread keeps a connection open."""
MAX_TOKEN_BYTES = 64 * 1024
UNAUTHORIZED = 401

Resolve = Callable[[Any], Any]


class HttpConnector:
    """Makes HTTP requests; the module says what its config and its settings may hold.

    Every request carries the item's id as `Idempotency-Key`, the same for each attempt, and `X-Correlation-Id`. A call
    is over when its total timeout is, whatever the server does; only the look-up of the host's name may take longer
    (see `connectors.deadline`). Each thread keeps a connection open to each of its last `hosts_per_thread` hosts.

    Timeouts and broken connections are retryable, and so are the statuses 408, 429 and 5xx.

    `resolve` gives the values of the secrets that the settings name. Without a `guard`, which an installation always
    gives it (`connectors.kinds`), calls go to any address. Raises `ValueError` for settings that cannot be used.
    """

    def __init__(
        self,
        name: str = "http",
        settings: Mapping[str, Any] | None = None,
        resolve: Resolve = lambda settings: settings,
        guard: Guard | None = None,
        hosts_per_thread: int = HOSTS_PER_THREAD,
    ) -> None:
        self.name = name
        self._settings = settings or {}
        self._resolve = resolve
        problems = check_deployed(check_settings, self._settings)
        if problems:
            raise ValueError(bad_config(problems).message)
        self._guard = guard or Guard(anywhere=True)
        self._check = check_with(self._settings.get("base_url"))
        tls = Tls(lambda: resolve(self._settings.get("tls", {})))
        self._sessions = Sessions(hosts_per_thread, self._guard, tls.context)
        self._tokens = AccessTokens()

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        problems = check_deployed(self._check, config)
        if problems or config.get("callback") is not True or OWN in items_in(config):
            return problems
        return [ConfigProblem(("callback",), "{callback: url} stands nowhere, so nobody learns where to answer")]

    def call(self, request: CallRequest) -> Answer:
        problems = self._check(request.config, ())
        if problems:
            return bad_config(problems)
        settings = self._resolve(self._settings)
        call = replace(request, config=merged(settings, request.config))
        if call.config.get("callback") and call.callback is None:
            return Failed(FailureKind.REFUSED, "nobody would receive a callback here", retryable=False)
        place = where(call.config)
        try:
            return self._called(call, self._exchange(call, settings))
        except (requests.RequestException, HTTPError) as error:
            return broken(error, place)
        except AddressRefused as refused:
            return Failed(FailureKind.REFUSED, f"{refused}: {place}", retryable=False)
        except TlsUnusable as unusable:
            return Failed(FailureKind.BAD_CONFIG, f"{unusable}: {place}", retryable=False)
        except TokenWaitTooLong:
            return Failed(FailureKind.TIMEOUT, f"no access token in time: {place}", retryable=True)

    def receive(self, request: CallRequest, inbound: Inbound) -> Outcome:
        problems = self._check(request.config, ())
        return bad_config(problems) if problems else outcome_of(inbound, request.config.get("signature"))

    def target(self, config: Mapping[str, Any]) -> str | None:
        return host_of(self._settings.get("base_url") or config.get("url"))

    def close(self) -> None:
        self._sessions.close()

    def _exchange(self, call: CallRequest, settings: Mapping[str, Any]) -> Exchange:
        session = self._sessions.of_this_thread()
        session.waits.connect_s = call.config.get("connect_timeout_s", math.inf)
        session.waits.read_s = call.config.get("read_timeout_s", math.inf)
        until = time.monotonic() + min(call.timeout_s, call.config.get("timeout_s", MAX_TIMEOUT_S))
        return Exchange(session, until, self._guard, _proxy_of(settings.get("proxy")))

    def _called(self, call: CallRequest, exchange: Exchange) -> Answer:
        grant = auth.grant_of(call.config.get("auth"))
        if grant is None:
            return _asked(call, exchange, auth.credentials(call.config.get("auth")))
        token = self._token(grant, exchange)
        if isinstance(token, Failed):
            return token
        outcome = _asked(call, exchange, auth.bearer(token))
        if isinstance(outcome, Failed) and outcome.kind == f"http_{UNAUTHORIZED}":
            self._tokens.refused(grant, token)
            fresh = self._token(grant, exchange)
            if isinstance(fresh, Failed):
                return fresh
            outcome, token = _hidden(_asked(call, exchange, auth.bearer(fresh)), token), fresh
        return _hidden(outcome, token)

    def _token(self, grant: Grant, exchange: Exchange) -> str | Failed:
        try:
            return self._tokens.get(grant, lambda: _fetched(grant, exchange), exchange.remaining_s())
        except _NoToken as none:
            return none.failure
        except (requests.RequestException, HTTPError) as error:
            return broken(error, f"POST {shown_url(grant.token_url)}")


def _asked(call: CallRequest, exchange: Exchange, credentials: auth.Credentials) -> Answer:
    config, started = call.config, time.monotonic()
    try:
        request = request_of(call, credentials)
        if isinstance(request.data, bytes) and len(request.data) > config.get("max_request_bytes", DEFAULT_BODY_BYTES):
            return Failed(FailureKind.TOO_LARGE, f"the request is too large: {where(config)}", retryable=False)
        with exchange.answer(request, config.get("redirects", 0)) as response:
            if not is_expected(response, config):
                return unexpected(response, where(config))
            if config.get("callback"):
                return later(call)
            return output_of(response, config, round((time.monotonic() - started) * 1000))
    except (requests.RequestException, HTTPError):
        raise  # Some of these are a ValueError too, and mean something else.
    except ValueError as error:
        # So requests refuses a URL or a header, and so the encoding of a body a value that it cannot say.
        what = f"no request can be made of the config ({type(error).__name__}: {error}): {where(config)}"
        return Failed(FailureKind.BAD_CONFIG, what, retryable=False)


class _NoToken(Exception):
    """The server that gives access tokens gave none."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.message)
        self.failure = failure


def _fetched(grant: Grant, exchange: Exchange) -> AccessToken:
    """A new token. Raises `_NoToken`, and what an exchange raises."""
    place = f"POST {shown_url(grant.token_url)}"
    with exchange.answer(_token_request(grant), redirects=0) as response:
        if response.status_code != 200:
            raise _NoToken(unexpected(response, place))
        content = content_of(response, MAX_TOKEN_BYTES)
    token = _token_in(content or b"")
    if token is None:
        raise _NoToken(Failed(FailureKind.BAD_RESPONSE, f"the answer holds no bearer token: {place}", retryable=False))
    return token


def _token_request(grant: Grant) -> requests.Request:
    fields = {"grant_type": "client_credentials", "scope": grant.scope, "audience": grant.audience}
    sent = {"Accept": bodies.JSON, "Content-Type": bodies.FORM}
    if grant.client_in == "body":
        fields |= {"client_id": grant.client_id, "client_secret": grant.client_secret}
    else:
        # RFC 6749, section 2.3.1: both are form-encoded first, so that a colon divides them for sure.
        sent["Authorization"] = auth.basic(quote(grant.client_id, safe=""), quote(grant.client_secret, safe=""))
    content, _ = bodies.encode(fields, None, "form")
    return requests.Request("POST", grant.token_url, headers=sent, data=content)


def _token_in(content: bytes) -> AccessToken | None:
    try:
        told = bodies.decode(content, None, "json")
    except bodies.UndecodableBody:
        return None
    if not isinstance(told, dict) or str(told.get("token_type", "bearer")).lower() != "bearer":
        return None
    value, lifetime_s = told.get("access_token"), told.get("expires_in", LIFETIME_S)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        return None
    return AccessToken(value, max(float(lifetime_s), 0.0) if type(lifetime_s) in (int, float) else LIFETIME_S)


def _hidden(answer: Answer, token: str) -> Answer:
    """An answer whose message does not repeat the token, which is a secret that no registry knows."""
    if not isinstance(answer, Failed):
        return answer
    return replace(answer, message=answer.message.replace(token, "***"))


def _proxy_of(proxy: Mapping[str, Any] | None) -> str | None:
    if proxy is None:
        return None
    if "username" not in proxy:
        return str(proxy["url"])
    parts = urlsplit(str(proxy["url"]))
    login = f"{quote(proxy['username'], safe='')}:{quote(proxy.get('password', ''), safe='')}"
    return parts._replace(netloc=f"{login}@{parts.netloc}").geturl()
