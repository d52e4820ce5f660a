"""A real SMTP server on this machine that answers as a test tells it, and keeps what it was sent."""

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

OK = "250 OK"


@dataclass
class LocalMail:
    """What came, and what the server says to the addresses and the message of the next."""

    tls: ssl.SSLContext | None = None
    from_the_first_byte: bool = False
    login: tuple[str, str] | None = None
    recipients: Mapping[str, str] = field(default_factory=dict)
    data: str = OK
    pause_s: float = 0.0
    received: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str | None, list[str]]] = field(default_factory=list)
    port: int = 0

    def last(self) -> EmailMessage:
        """The message that came last."""
        return self.received[-1]

    def start(self) -> Callable[[], None]:
        """Begin to serve on a free port; the result stops it."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        later = not self.from_the_first_byte
        controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            require_starttls=self.tls is not None and later,
            authenticator=self._authenticated,
            auth_required=self.login is not None,
            auth_require_tls=later,
            enable_SMTPUTF8=True,
            ssl_context=None if later else self.tls,
            tls_context=self.tls if later else None,
        )
        controller.start()
        return controller.stop

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self.recipients.get(address, OK)
        if said == OK:
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        time.sleep(self.pause_s)
        if self.data == OK:
            content = envelope.content
            assert isinstance(content, bytes)
            message = message_from_bytes(content, policy=policy.SMTP)
            assert isinstance(message, EmailMessage)
            self.received.append(message)
            self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        return self.data

    def _authenticated(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> Any:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        # Not handled: the server itself says 535.
        return AuthResult(success=given == self.login, handled=False)
