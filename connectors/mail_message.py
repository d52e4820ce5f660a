"""A message (RFC 5322, MIME) made of the config of a `mail` call."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.errors import NonASCIILocalPartDefect
from email.headerregistry import Address, BaseHeader, UniqueAddressHeader
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from connectors.config import Check, Path, anything, list_of, number, table, text, text_that
from connectors.multipart import CONTENT_KEYS, content_of
from connectors.port import CallRequest, ConfigProblem

RECIPIENTS = ("to", "cc", "bcc")
SHOWN_RECIPIENTS = ("to", "cc")

# What may stand on the left of a Message-ID (dot-atom, RFC 5322) and means nothing but itself.
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+")


class BadMessage(Exception):
    """No message can be made of a config."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is handed to the server: the envelope's sender and recipients, and the message as bytes."""

    sender: str
    recipients: list[str]
    message_id: str
    content: bytes
    beyond_ascii: bool


def _parsed(value: str) -> Address | None:
    """The one address that a string says, or None."""
    header = policy.SMTP.header_factory("To", value)
    if not isinstance(header, UniqueAddressHeader) or len(header.addresses) != 1:
        return None
    if not isinstance(header, BaseHeader) or any(type(each) is not NonASCIILocalPartDefect for each in header.defects):
        return None
    [address] = header.addresses
    return address if address.username and address.domain and value.isprintable() else None


check_address = text_that(lambda value: _parsed(value) is not None, "an address such as a@b.example")


def _check_addresses(value: Any, path: Path) -> list[ConfigProblem]:
    return list_of(check_address)(value, path) if isinstance(value, list | tuple) else check_address(value, path)


def _check_attachment(value: Any, path: Path) -> list[ConfigProblem]:
    problems = _ATTACHMENT(value, path)
    if problems or not isinstance(value, Mapping) or sum(key in value for key in CONTENT_KEYS) == 1:
        return problems
    return [ConfigProblem(path, f"must have exactly one of {', '.join(CONTENT_KEYS)}")]


_check_line = text_that(str.isprintable, "one line of text")
_ATTACHMENT = table(
    {
        "filename": _check_line,
        "content_type": text_that(lambda value: _MEDIA_TYPE.fullmatch(value) is not None, "a type such as text/csv"),
        "text": text,
        "base64": text,
        "json": anything,
    },
    required=("filename",),
)
_KEYS = table(
    {
        **dict.fromkeys(RECIPIENTS, _check_addresses),
        "from": check_address,
        "reply_to": check_address,
        "subject": _check_line,
        "text": text,
        "html": text,
        "attachments": list_of(_check_attachment),
        "timeout_s": number(0.001, 3600.0),
    },
    required=("subject",),
)


def check_letter(has_sender: bool) -> Check:
    """The check of a config, for a connector whose settings name a sender or do not."""

    def check(config: Any, path: Path) -> list[ConfigProblem]:
        problems = _KEYS(config, path)
        if problems or not isinstance(config, Mapping):
            return problems
        return [
            ConfigProblem(path, message)
            for message, given in (
                ("needs one of to, cc, bcc", any(key in config for key in RECIPIENTS)),
                ("needs text or html", "text" in config or "html" in config),
                ("from is missing", has_sender or "from" in config),
            )
            if not given
        ]

    return check


def letter_of(request: CallRequest, default_sender: str | None) -> Letter:
    """The letter of a call, whose config has passed its check. Raises `BadMessage`."""
    config = request.config
    sender = _address(config.get("from", default_sender))
    recipients = {key: _addresses(config.get(key, [])) for key in RECIPIENTS}
    message = EmailMessage(policy=policy.SMTP)
    message["Message-ID"] = message_id(request.item_id, sender.domain)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["From"] = sender
    for key in SHOWN_RECIPIENTS:
        if recipients[key]:
            message[key.capitalize()] = recipients[key]
    if "reply_to" in config:
        message["Reply-To"] = _address(config["reply_to"])
    message["Subject"] = config["subject"]
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it.
    message["X-Correlation-Id"] = _ODD.sub("-", request.correlation_id)
    _write(message, config)
    everybody = list(dict.fromkeys(each.addr_spec for key in RECIPIENTS for each in recipients[key]))
    beyond_ascii = not all(each.isascii() for each in (sender.addr_spec, *everybody))
    written = message.as_bytes(policy=policy.SMTPUTF8 if beyond_ascii else policy.SMTP)
    return Letter(sender.addr_spec, everybody, message["Message-ID"], written, beyond_ascii)


def message_id(item_id: str, domain: str) -> str:
    """The `Message-ID` of an item: its id, `:` and `.` as `.`, which stays unambiguous as a number follows each."""
    left = ".".join(_ODD.sub(lambda odd: f"={ord(odd[0]):x}", part) for part in re.split("[.:]", item_id))
    return f"<{left}.casewright@{domain.encode('idna').decode()}>"


def _write(message: EmailMessage, config: Mapping[str, Any]) -> None:
    try:
        if "text" in config:
            message.set_content(config["text"])
        if "html" in config:
            write = message.add_alternative if "text" in config else message.set_content
            write(config["html"], subtype="html")
        for attachment in config.get("attachments", ()):
            main, _, sub = attachment.get("content_type", "application/octet-stream").partition("/")
            message.add_attachment(content_of(attachment), main, sub, filename=attachment["filename"])
    except ValueError as error:
        raise BadMessage(str(error)) from error


def _addresses(value: Any) -> list[Address]:
    return [_address(each) for each in (value if isinstance(value, list | tuple) else [value])]


def _address(value: Any) -> Address:
    address = _parsed(value) if isinstance(value, str) else None
    assert address is not None, "the config has passed its check"
    return address
