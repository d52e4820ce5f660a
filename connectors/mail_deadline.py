"""One deadline for a whole exchange by SMTP, where smtplib only knows a timeout for each wait.

A socket's timeout begins anew with every byte, so a server that drips its replies could hold a call for hours. Here a
thread shuts the connection down when the time is up, whatever is being waited for then.
"""

import smtplib
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Any

SHORTEST_WAIT_S = 0.001
CUT_OFF_EVERY_S = 0.05
"""How often an overdue connection is shut down again: it may have been opened only just now."""


class DeadlineClient(smtplib.SMTP):
    """A client that is connected, and has until a moment of `time.monotonic` for everything."""

    def __init__(self, host: str, port: int, until: float) -> None:
        self._until, self._done = until, threading.Event()
        super().__init__(host, port, timeout=_left_s(until))

    def connect(self, *where: Any, **rest: Any) -> tuple[int, bytes]:
        """Connect, and be watched from now on."""
        threading.Thread(target=self._watch, name="mail-deadline", daemon=True).start()
        try:
            return super().connect(*where, **rest)
        except BaseException:
            self._done.set()
            raise

    def close(self) -> None:
        """Close, and be watched no longer."""
        self._done.set()
        super().close()

    def _watch(self) -> None:
        self._done.wait(_left_s(self._until))
        while not self._done.wait(CUT_OFF_EVERY_S):
            if self.sock is not None:
                with suppress(OSError):
                    self.sock.shutdown(socket.SHUT_RDWR)


class SecureDeadlineClient(DeadlineClient, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""

    def __init__(self, host: str, port: int, until: float, context: ssl.SSLContext) -> None:
        self._until, self._done = until, threading.Event()
        smtplib.SMTP_SSL.__init__(self, host, port, timeout=_left_s(until), context=context)


def _left_s(until: float) -> float:
    return max(until - time.monotonic(), SHORTEST_WAIT_S)
