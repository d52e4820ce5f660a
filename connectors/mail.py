"""The `mail` connector: one message, sent by SMTP.

| key of the config | meaning |
|---|---|
| `to`, `cc`, `bcc` | an address such as `a@b.example` or `Ann <a@b.example>`, or a list; at least one in all |
| `from`, `reply_to` | an address; `from` may stand in the settings |
| `subject` | one line |
| `text`, `html` | the content: either, or both as alternatives |
| `attachments` | list of `{filename, content_type, base64 or text or json}` |
| `timeout_s` | total, from connecting to the server's last word |

| key of the settings | meaning |
|---|---|
| `host`, `port` | the server; the port follows from `security` if it is not given: 587, 465, 25 |
| `security` | `starttls` (default), `tls` (from the first byte), `none` |
| `username`, `password` | a login; never without TLS |
| `from` | the sender of what names none |
| `tls` | `connectors.tls` |
| `timeout_s`, `max_message_bytes`, `max_recipients` | limits: an hour, 25 MiB, 100 |

The output is `{message_id, accepted, refused}`: the addresses that were taken, and for the others what the server said.
The message counts as sent if one was taken; a repetition would send it to that one again.

`Message-ID` is made of the item's id and so is the same for every attempt. SMTP has no idempotency key: a message whose
last reply was lost is sent again, and this is how who receives it knows it for the same.
"""

import smtplib
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from connectors import tls
from connectors.config import Path, bad_config, check_deployed, integer, number, one_of, table, text, text_that
from connectors.mail_deadline import DeadlineClient, SecureDeadlineClient
from connectors.mail_message import BadMessage, Letter, check_address, check_letter, letter_of
from connectors.port import CallRequest, ConfigProblem, Done, Failed, FailureKind, Outcome
from connectors.tls import Tls, TlsUnusable

PORTS = {"starttls": 587, "tls": 465, "none": 25}
MAX_TIMEOUT_S = 3600.0
DEFAULT_MESSAGE_BYTES = 25 * 1024 * 1024
DEFAULT_RECIPIENTS = 100
TEMPORARY = range(400, 500)
"""Replies that say: not now (RFC 5321, section 4.2.1)."""

Resolve: TypeAlias = Callable[[Any], Any]

_SETTINGS = table(
    {
        "host": text_that(lambda host: host.isprintable() and bool(host) and " " not in host, "the name of a host"),
        "port": integer(1, 65_535),
        "security": one_of(*PORTS),
        "username": text,
        "password": text,
        "from": check_address,
        "tls": tls.check,
        "timeout_s": number(0.001, MAX_TIMEOUT_S),
        "max_message_bytes": integer(1, 256 * 1024 * 1024),
        "max_recipients": integer(1, 1000),
    },
    required=("host",),
)


def check_settings(settings: Any, path: Path) -> list[ConfigProblem]:
    """The settings of a connector."""
    problems = _SETTINGS(settings, path)
    if problems or not isinstance(settings, Mapping):
        return problems
    if ("username" in settings) != ("password" in settings):
        return [ConfigProblem(path, "username and password belong together")]
    if "username" in settings and settings.get("security") == "none":
        return [ConfigProblem((*path, "security"), "a password is not sent without TLS")]
    return []


class MailConnector:
    """Sends mail; the module says what its config and its settings may hold. Each call has a connection of its own.

    What the server cannot take just now (4yz) is retryable, what it refuses (5yz) is not. `resolve` gives the values
    of the secrets that the settings name. Raises `ValueError` for settings that cannot be used.
    """

    def __init__(
        self, settings: Mapping[str, Any], name: str = "mail", resolve: Resolve = lambda settings: settings
    ) -> None:
        self.name = name
        problems = check_deployed(check_settings, settings)
        if problems:
            raise ValueError(bad_config(problems).message)
        self._settings = settings
        self._resolve = resolve
        self._tls = Tls(lambda: resolve(settings.get("tls", {})))
        self._check = check_letter(has_sender="from" in settings)

    def check_config(self, config: Mapping[str, Any]) -> list[ConfigProblem]:
        return check_deployed(self._check, config)

    def call(self, request: CallRequest) -> Outcome:
        problems = self._check(request.config, ())
        if problems:
            return bad_config(problems)
        settings = self._resolve(self._settings)
        try:
            letter = letter_of(request, settings.get("from"))
        except BadMessage as bad:
            return Failed(FailureKind.BAD_CONFIG, f"no message can be made of the config: {bad}", retryable=False)
        too_much = _too_much(letter, settings)
        if too_much is not None:
            return Failed(FailureKind.TOO_LARGE, too_much, retryable=False)
        limits = (request.timeout_s, request.config.get("timeout_s", MAX_TIMEOUT_S), settings.get("timeout_s"))
        return self._sent(letter, settings, time.monotonic() + min(each for each in limits if each is not None))

    def target(self, config: Mapping[str, Any]) -> str | None:
        host = self._settings["host"]
        return f"{host}:{_port(self._settings)}" if isinstance(host, str) else f"mail:{self.name}"

    def close(self) -> None:
        pass

    def _sent(self, letter: Letter, settings: Mapping[str, Any], until: float) -> Outcome:
        place = f"{settings['host']}:{_port(settings)}"
        try:
            with self._connected(settings, until) as client:
                refused = client.sendmail(letter.sender, letter.recipients, letter.content, _options(client, letter))
        except TlsUnusable as unusable:
            return Failed(FailureKind.BAD_CONFIG, f"{unusable}: {place}", retryable=False)
        except (smtplib.SMTPException, OSError) as error:
            if time.monotonic() >= until:
                return Failed(FailureKind.TIMEOUT, f"not sent in time: {place}", retryable=True)
            return _failure(error, place)
        return Done(
            {
                "message_id": letter.message_id,
                "accepted": [each for each in letter.recipients if each not in refused],
                "refused": {each: _said(*reply) for each, reply in refused.items()},
            }
        )

    @contextmanager
    def _connected(self, settings: Mapping[str, Any], until: float) -> Iterator[smtplib.SMTP]:
        if until <= time.monotonic():
            raise TimeoutError("no time was left to begin")
        client = self._client(settings, until)
        try:
            if settings.get("security", "starttls") == "starttls":
                client.starttls(context=self._tls.context())
            if "username" in settings:
                client.login(settings["username"], settings["password"])
            yield client
            # The message is sent by now, whatever becomes of the farewell.
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
        finally:
            client.close()

    def _client(self, settings: Mapping[str, Any], until: float) -> smtplib.SMTP:
        host, port = settings["host"], _port(settings)
        if settings.get("security") == "tls":
            return SecureDeadlineClient(host, port, until, self._tls.context())
        return DeadlineClient(host, port, until)


def _port(settings: Mapping[str, Any]) -> int:
    port: int = settings.get("port", PORTS[settings.get("security", "starttls")])
    return port


def _too_much(letter: Letter, settings: Mapping[str, Any]) -> str | None:
    if len(letter.recipients) > settings.get("max_recipients", DEFAULT_RECIPIENTS):
        return f"{len(letter.recipients)} recipients are more than this connector may write to at once"
    if len(letter.content) > settings.get("max_message_bytes", DEFAULT_MESSAGE_BYTES):
        return f"the message is too large: {len(letter.content)} bytes"
    return None


def _options(client: smtplib.SMTP, letter: Letter) -> list[str]:
    client.ehlo_or_helo_if_needed()
    if not letter.beyond_ascii:
        return []
    if not client.has_extn("smtputf8"):
        raise smtplib.SMTPNotSupportedError("the server takes no addresses beyond ASCII")
    return ["SMTPUTF8", "BODY=8BITMIME"]


def _failure(error: smtplib.SMTPException | OSError, place: str) -> Failed:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        replies = list(error.recipients.values())
        told = "; ".join(f"{each}: {_said(*reply)}" for each, reply in error.recipients.items())
        return _refusal(all(code not in TEMPORARY for code, _ in replies), told, place)
    if isinstance(error, smtplib.SMTPResponseException):
        return _refusal(error.smtp_code not in TEMPORARY, _said(error.smtp_code, error.smtp_error), place)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return _refusal(True, str(error), place)
    if isinstance(error, ssl.SSLError):
        return Failed(FailureKind.CONNECTION, f"TLS: {error.reason or error}: {place}", retryable=True)
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException) and error.strerror:
        return Failed(FailureKind.CONNECTION, f"{error.strerror}: {place}", retryable=True)
    return Failed(FailureKind.CONNECTION, f"{error}: {place}", retryable=True)


def _refusal(for_good: bool, said: str, place: str) -> Failed:
    kind = FailureKind.REFUSED if for_good else FailureKind.CONNECTION
    return Failed(kind, f"{said}: {place}", retryable=not for_good)


def _said(code: int, message: bytes | str) -> str:
    return f"{code} {message if isinstance(message, str) else message.decode(errors='replace')}"
