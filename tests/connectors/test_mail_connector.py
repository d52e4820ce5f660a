"""The mail connector, with a real SMTP server."""

import base64
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme

from connectors.mail import MailConnector
from connectors.mail_message import message_id
from connectors.port import Answer
from connectors.registry import Registry
from connectors.secrets import Secrets
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_mail import LocalMail

# TLS from the first byte is TLS too, which the test server does not see.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

LETTER: dict[str, Any] = {"to": "ann@b.example", "subject": "Your order", "text": "It is here.\n"}
BYTES = bytes(range(256))


def settings(server: LocalMail, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, "security": "none", "from": "Shop <shop@c.example>", **more}


def sent(server: LocalMail, more: dict[str, Any] | None = None, **config: Any) -> Answer:
    secrets = Secrets({"CASEWRIGHT_SECRET_PASSWORD": "open-sesame"})
    connector = MailConnector(settings(server, **(more or {})), "mail", secrets.resolve)
    return Registry([connector], secrets).call(call_request("mail", LETTER | config))


@pytest.fixture
def mail() -> Iterator[LocalMail]:
    local = LocalMail()
    stop = local.start()
    yield local
    stop()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["starttls", "tls"])
def safe_mail(request: pytest.FixtureRequest, authority: trustme.CA, tmp_path: Path) -> Iterator[tuple[LocalMail, Any]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    local = LocalMail(tls=context, from_the_first_byte=request.param == "tls", login=("me", "open-sesame"))
    stop = local.start()
    login = {"username": "me", "password": {"secret": "PASSWORD"}}
    yield local, {"security": request.param, "tls": {"ca": str(tmp_path / "ca.pem")}, **login}
    stop()


def attached(message: EmailMessage) -> list[tuple[str | None, str, Any]]:
    return [(each.get_filename(), each.get_content_type(), each.get_content()) for each in message.iter_attachments()]


def test_a_message_is_sent(mail: LocalMail) -> None:
    output = output_of(
        sent(mail, cc=["Ben <ben@b.example>", "cy@b.example"], bcc="dan@b.example", reply_to="e@f.example")
    )
    assert output == {
        "message_id": "<order-1.7.casewright@c.example>",
        "accepted": ["ann@b.example", "ben@b.example", "cy@b.example", "dan@b.example"],
        "refused": {},
    }
    assert mail.envelopes == [("shop@c.example", output["accepted"])]
    assert (mail.last()["From"], mail.last()["To"]) == ("Shop <shop@c.example>", "ann@b.example")
    assert (mail.last()["Cc"], mail.last()["Bcc"]) == ("Ben <ben@b.example>, cy@b.example", None)
    assert (mail.last()["Subject"], mail.last()["Reply-To"]) == ("Your order", "e@f.example")
    assert (mail.last()["Auto-Submitted"], mail.last()["X-Correlation-Id"]) == ("auto-generated", "trace-1")
    assert mail.last().get_content() == "It is here.\r\n"


def test_a_repetition_can_be_recognised(mail: LocalMail) -> None:
    for _ in range(2):
        output_of(sent(mail))
    assert [message["Message-ID"] for message in mail.received] == ["<order-1.7.casewright@c.example>"] * 2


@pytest.mark.parametrize(
    ("item", "left"), [("a:1", "a.1"), ("a.2:13", "a.2.13"), ("a_b-C:1", "a_b-C.1"), ("ü>:1", "=fc=3e.1")]
)
def test_the_id_of_a_message_is_that_of_its_item(item: str, left: str) -> None:
    assert message_id(item, "bücher.example") == f"<{left}.casewright@xn--bcher-kva.example>"


def test_text_and_html_are_alternatives(mail: LocalMail) -> None:
    output_of(sent(mail, text="Grüße", html="<b>Grüße</b>", subject="Grüße 🚚"))
    assert mail.last()["Subject"] == "Grüße 🚚"
    plain, html = mail.last().get_body(("plain",)), mail.last().get_body(("html",))
    assert plain is not None
    assert html is not None
    assert (plain.get_content().strip(), html.get_content().strip()) == ("Grüße", "<b>Grüße</b>")


def test_html_may_stand_alone(mail: LocalMail) -> None:
    connector = MailConnector(settings(mail))
    config = {"to": "a@b.example", "subject": "s", "html": "<i>x</i>"}
    output_of(connector.call(call_request("mail", config)))
    assert mail.last().get_content_type() == "text/html"


def test_files_are_attached(mail: LocalMail) -> None:
    files = [
        {"filename": "ö.bin", "base64": base64.b64encode(BYTES).decode()},
        {"filename": "a.csv", "content_type": "text/csv", "text": "a,ü\n"},
        {"filename": "b.json", "content_type": "application/json", "json": {"a": 1}},
    ]
    output_of(sent(mail, attachments=files))
    assert [(name, kind) for name, kind, _ in attached(mail.last())] == [
        ("ö.bin", "application/octet-stream"),
        ("a.csv", "text/csv"),
        ("b.json", "application/json"),
    ]
    assert [content for *_, content in attached(mail.last())][0::2] == [BYTES, b'{"a": 1}']


def test_a_line_that_begins_with_a_dot_arrives(mail: LocalMail) -> None:
    output_of(sent(mail, text=".\r\n.a\n"))
    assert mail.last().get_content() == ".\r\n.a\r\n"


def test_a_login_goes_over_tls(safe_mail: tuple[LocalMail, Any]) -> None:
    mail, more = safe_mail
    assert output_of(sent(mail, more))["refused"] == {}
    assert len(mail.received) == 1


def test_a_wrong_password_is_refused_and_not_shown(safe_mail: tuple[LocalMail, Any]) -> None:
    mail, more = safe_mail
    mail.login = ("me", "changed")
    failure = failure_of(sent(mail, more))
    assert (failure.kind, failure.retryable, mail.received) == ("refused", False, [])
    assert failure.message.startswith("535 ")
    assert "open-sesame" not in failure.message


def test_a_stranger_is_not_believed(safe_mail: tuple[LocalMail, Any]) -> None:
    mail, more = safe_mail
    failure = failure_of(sent(mail, {**more, "tls": {}}))
    assert (failure.kind, failure.retryable, mail.received) == ("connection", True, [])
    assert "TLS" in failure.message


def test_a_server_without_starttls_gets_no_message(mail: LocalMail) -> None:
    failure = failure_of(sent(mail, {"security": "starttls"}))
    assert (failure.kind, failure.retryable, mail.received) == ("refused", False, [])
    assert "STARTTLS" in failure.message


@pytest.mark.parametrize(
    ("said", "kind", "retryable"),
    [("451 try later", "connection", True), ("554 spam", "refused", False), ("552 too big", "refused", False)],
)
def test_what_the_server_says_is_the_failure(mail: LocalMail, said: str, kind: str, retryable: bool) -> None:
    mail.data = said
    failure = failure_of(sent(mail))
    assert (failure.kind, failure.retryable) == (kind, retryable)
    assert failure.message == f"{said}: 127.0.0.1:{mail.port}"


def test_one_refused_address_does_not_keep_the_others_from_it(mail: LocalMail) -> None:
    mail.recipients = {"ann@b.example": "550 no such user"}
    output = output_of(sent(mail, cc="ben@b.example"))
    assert output["accepted"] == ["ben@b.example"]
    assert output["refused"] == {"ann@b.example": "550 no such user"}


@pytest.mark.parametrize(
    ("second", "kind", "retryable"), [("550 no", "refused", False), ("450 greylisted", "connection", True)]
)
def test_a_message_to_nobody_has_failed(mail: LocalMail, second: str, kind: str, retryable: bool) -> None:
    mail.recipients = {"ann@b.example": "550 no", "ben@b.example": second}
    failure = failure_of(sent(mail, cc="ben@b.example"))
    assert (failure.kind, failure.retryable, mail.received) == (kind, retryable, [])
    assert "ben@b.example" in failure.message


def test_a_server_that_is_not_there_is_a_broken_connection(mail: LocalMail) -> None:
    failure = failure_of(sent(mail, {"port": 1}))
    assert (failure.kind, failure.message) == ("connection", "Connection refused: 127.0.0.1:1")


def test_a_slow_server_is_a_timeout(mail: LocalMail) -> None:
    mail.pause_s = 0.4
    failure = failure_of(sent(mail, timeout_s=0.15))
    assert (failure.kind, failure.retryable) == ("timeout", True)


@pytest.mark.alone
def test_a_server_that_drips_its_greeting_is_a_timeout() -> None:
    def drip(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            try:
                for _ in range(100):
                    client.sendall(b"2")
                    time.sleep(0.02)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        connector = MailConnector({"host": "127.0.0.1", "port": listener.getsockname()[1], "from": "a@b.example"})
        started = time.monotonic()
        failure = failure_of(connector.call(call_request("mail", {**LETTER, "timeout_s": 0.2})))
    assert failure.kind == "timeout"
    assert time.monotonic() - started < 1


def test_nothing_is_sent_when_no_time_is_left(mail: LocalMail) -> None:
    connector = MailConnector(settings(mail))
    assert failure_of(connector.call(call_request("mail", LETTER, timeout_s=0))).kind == "timeout"
    assert mail.received == []


@pytest.mark.parametrize("more", [{"max_message_bytes": 100}, {"max_recipients": 1}])
def test_too_much_is_not_sent(mail: LocalMail, more: dict[str, Any]) -> None:
    failure = failure_of(sent(mail, more, cc="ben@b.example"))
    assert (failure.kind, failure.retryable, mail.received) == ("too_large", False, [])


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("to", "nobody", ("to",)),
        ("to", ["a@b.example", "c@d.example, e@f.example"], ("to", 1)),
        ("to", "a@b.example\r\nBcc: x@y.example", ("to",)),
        ("to", [], ("to",)),
        ("from", "@b.example", ("from",)),
        ("subject", "a\r\nBcc: x@y.example", ("subject",)),
        ("subject", None, ("subject",)),
        ("text", 5, ("text",)),
        ("attachments", [{"filename": "a"}], ("attachments", 0)),
        ("attachments", [{"filename": "a\r\nX: y", "text": ""}], ("attachments", 0, "filename")),
        ("attachments", [{"filename": "a", "text": "", "content_type": "a"}], ("attachments", 0, "content_type")),
        ("attachments", [{"filename": "a", "text": "", "base64": ""}], ("attachments", 0)),
    ],
)
def test_a_wrong_value_is_a_problem_at_its_place(key: str, value: Any, path: tuple[str | int, ...]) -> None:
    connector = MailConnector({"host": "127.0.0.1", "port": 1, "from": "a@b.example"})
    config = {**LETTER, key: value}
    assert [problem.path for problem in connector.check_config(config)] == [path]
    assert failure_of(connector.call(call_request("mail", config))).kind == "bad_config"


@pytest.mark.parametrize("missing", ["to", "subject", "text"])
def test_a_letter_is_complete(missing: str) -> None:
    config = {key: value for key, value in LETTER.items() if key != missing}
    connector = MailConnector({"host": "h", "from": "a@b.example"})
    assert len(connector.check_config(config)) == 1
    assert len(MailConnector({"host": "h"}).check_config(LETTER)) == 1


def test_base64_that_is_none_is_a_bad_config(mail: LocalMail) -> None:
    assert failure_of(sent(mail, attachments=[{"filename": "a", "base64": "!"}])).kind == "bad_config"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"port": 0}, "port"),
        ({"security": "ssl"}, "security"),
        ({"username": "me"}, "belong together"),
        ({"username": "me", "password": "p", "security": "none"}, "without TLS"),
        ({"from": "nobody"}, "from"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_are_wrong_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MailConnector({"host": "h", **wrong})
