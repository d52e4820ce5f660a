"""Bodies in both directions: JSON, XML, forms, several parts, text and bytes."""

import base64
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from connectors.http import HttpConnector
from connectors.port import Answer
from tests.connectors.calls import call_request, failure_of, output_of
from tests.connectors.local_server import LocalServer, reply

ORDER = b'<?xml version="1.0"?><o:order id="7" xmlns:o="urn:o"><line>a</line><line n="2">b</line><none/></o:order>'
BYTES = bytes(range(256))


def posted(http: HttpConnector, server: LocalServer, body: Any, **config: Any) -> Answer:
    return http.call(call_request("http", {"url": server.url, "method": "POST", "body": body, **config}))


def got(http: HttpConnector, server: LocalServer, content: bytes, content_type: str, **config: Any) -> Answer:
    server.answer = reply(body=content, headers={"Content-Type": content_type})
    return http.call(call_request("http", {"url": server.url, **config}))


def parts(server: LocalServer) -> list[EmailMessage]:
    head = f"Content-Type: {server.last.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + server.last.body, policy=policy.HTTP)
    assert isinstance(message, EmailMessage)
    return [part for part in message.iter_parts() if isinstance(part, EmailMessage)]


def test_xml_is_sent_from_a_mapping(http: HttpConnector, server: LocalServer) -> None:
    output_of(posted(http, server, {"order": {"@id": 7, "line": ["a", "<b>"], "ok": True}}, encode="xml"))
    assert server.last.headers["content-type"] == "application/xml"
    assert server.last.body.endswith(b'<order id="7"><line>a</line><line>&lt;b&gt;</line><ok>true</ok></order>')


def test_the_content_type_of_xml_is_enough(http: HttpConnector, server: LocalServer) -> None:
    output_of(posted(http, server, {"a": "b"}, headers={"Content-Type": "application/soap+xml"}))
    assert (server.last.body[-8:], server.last.headers["content-type"]) == (b"<a>b</a>", "application/soap+xml")


@pytest.mark.parametrize(
    "body", [{"a": 1, "b": 2}, {"a": [1, 2]}, [1], {"a b": 1}, {"a": {"x><y": 1}}, {"a": "\x01"}, {"a": {"@x y": 1}}]
)
def test_what_no_document_says_is_a_bad_config(http: HttpConnector, server: LocalServer, body: Any) -> None:
    assert failure_of(posted(http, server, body, encode="xml")).kind == "bad_config"
    assert server.received == []


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml; charset=utf-8", "application/atom+xml"])
def test_xml_is_read_as_a_mapping(http: HttpConnector, server: LocalServer, content_type: str) -> None:
    order = output_of(got(http, server, ORDER, content_type))["body"]["o:order"]
    assert order["@id"] == "7"
    assert order["line"] == ["a", {"@n": "2", "#text": "b"}]
    assert order["none"] is None


def test_xml_is_read_in_its_own_character_set(http: HttpConnector, server: LocalServer) -> None:
    content = '<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>'.encode("latin-1")
    assert output_of(got(http, server, content, "text/xml"))["body"] == {"a": "é"}


def test_the_config_says_how_an_answer_is_read(http: HttpConnector, server: LocalServer) -> None:
    assert output_of(got(http, server, b"<a/>", "text/xml", decode="text"))["body"] == "<a/>"
    assert output_of(got(http, server, b"<a/>", "text/plain", decode="xml"))["body"] == {"a": None}
    assert output_of(got(http, server, b"[1]", "text/html", decode="json"))["body"] == [1]
    assert output_of(got(http, server, b"[1]", "application/json", decode="base64"))["body"] == "WzFd"


BOMB = b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;">]><a>&d;</a>'
FILE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
REMOTE = b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:1/">%b;]><a/>'
DEEP = b"<a>" * 50_000 + b"</a>" * 50_000


@pytest.mark.parametrize(
    "content", [BOMB, FILE, REMOTE, DEEP, b"<a>", b"<a/><b/>", b"text", b"<a>\xff</a>", b"<a>&b;</a>"]
)
def test_xml_that_is_none_or_too_much_is_a_bad_response(
    http: HttpConnector, server: LocalServer, content: bytes
) -> None:
    failure = failure_of(got(http, server, content, "application/xml"))
    assert (failure.kind, failure.retryable) == ("bad_response", True)
    assert "root:" not in failure.message


def test_a_form_is_sent_as_one(http: HttpConnector, server: LocalServer) -> None:
    output_of(posted(http, server, {"a": ["b c", 1], "d": None, "e": {"f": 1}}, encode="form"))
    assert server.last.body == b"a=b+c&a=1&e=%7B%22f%22%3A1%7D"
    assert server.last.headers["content-type"] == "application/x-www-form-urlencoded"


def test_several_parts_are_sent_with_their_files(http: HttpConnector, server: LocalServer) -> None:
    picture = {"filename": "ö.png", "content_type": "image/png", "base64": base64.b64encode(BYTES).decode()}
    output_of(posted(http, server, {"note": "häh", "n": [1, True], "p": picture, "x": None}, encode="multipart"))
    note, one, true, sent = parts(server)
    assert (note.get_param("name", header="content-disposition"), note.get_payload(decode=True)) == (
        "note",
        "häh".encode(),
    )
    assert [each.get_payload(decode=True) for each in (one, true)] == [b"1", b"true"]
    assert (sent.get_content_type(), sent.get_payload(decode=True)) == ("image/png", BYTES)


def test_a_part_may_be_json(http: HttpConnector, server: LocalServer) -> None:
    part = {"json": {"a": 1}, "content_type": "application/json"}
    output_of(posted(http, server, {"meta": part}, headers={"Content-Type": "multipart/form-data"}))
    [sent] = parts(server)
    assert (sent.get_content_type(), sent.get_payload(decode=True)) == ("application/json", b'{"a": 1}')


def test_several_parts_are_the_same_bytes_at_every_attempt(http: HttpConnector, server: LocalServer) -> None:
    for _ in range(2):
        output_of(posted(http, server, {"a": "b"}, encode="multipart"))
    assert server.received[0].body == server.received[1].body
    output_of(posted(http, server, {"a": "c"}, encode="multipart"))
    assert server.received[2].headers["content-type"] != server.received[1].headers["content-type"]


@pytest.mark.parametrize(
    "part",
    [
        {"filename": "a"},
        {"text": "a", "base64": "YQ=="},
        {"text": 5},
        {"base64": "!"},
        {"text": "a", "colour": "red"},
        {"text": "a", "filename": "a\r\nX: y"},
        {"text": "a", "content_type": "a\nb"},
    ],
)
def test_a_part_that_is_none_is_a_bad_config(http: HttpConnector, server: LocalServer, part: Any) -> None:
    assert failure_of(posted(http, server, {"a": part}, encode="multipart")).kind == "bad_config"
    assert server.received == []


def test_the_name_of_a_part_cannot_break_out_of_its_header(http: HttpConnector, server: LocalServer) -> None:
    output_of(posted(http, server, {'a"\r\nX-Evil: y': "b"}, encode="multipart"))
    assert b"\r\nX-Evil" not in server.last.body


def test_bytes_are_sent_from_base64(http: HttpConnector, server: LocalServer) -> None:
    output_of(posted(http, server, base64.encodebytes(BYTES).decode(), encode="base64"))
    assert (server.last.body, server.last.headers["content-type"]) == (BYTES, "application/octet-stream")


@pytest.mark.parametrize("body", ["YQ", "!!", 5, {"a": 1}])
def test_what_is_not_base64_is_a_bad_config(http: HttpConnector, server: LocalServer, body: Any) -> None:
    failure = failure_of(posted(http, server, body, encode="base64"))
    assert (failure.kind, server.received) == ("bad_config", [])


@pytest.mark.parametrize("content_type", ["application/octet-stream", "image/png", "application/pdf"])
def test_bytes_are_read_as_base64(http: HttpConnector, server: LocalServer, content_type: str) -> None:
    assert base64.b64decode(output_of(got(http, server, BYTES, content_type))["body"]) == BYTES


def test_json_is_said_where_a_string_is_meant_as_one(http: HttpConnector, server: LocalServer) -> None:
    output_of(posted(http, server, "a", encode="json"))
    assert (server.last.body, server.last.headers["content-type"]) == (b'"a"', "application/json")


@pytest.mark.parametrize(("encode", "body"), [("text", 1), ("form", [1]), ("multipart", "a"), ("json", float("nan"))])
def test_a_body_of_the_wrong_type_is_a_bad_config(
    http: HttpConnector, server: LocalServer, encode: str, body: Any
) -> None:
    assert failure_of(posted(http, server, body, encode=encode)).kind == "bad_config"


def test_a_request_over_the_limit_is_not_sent(http: HttpConnector, server: LocalServer) -> None:
    failure = failure_of(posted(http, server, "x" * 1001, max_request_bytes=1000))
    assert (failure.kind, failure.retryable, server.received) == ("too_large", False, [])
    output_of(posted(http, server, "x" * 1000, max_request_bytes=1000))
