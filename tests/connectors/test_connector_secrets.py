import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from connectors.secrets import (
    MAX_SECRET_BYTES,
    SecretMissing,
    Secrets,
    misnamed_secrets,
    shown_url,
)

REFERENCE = {"secret": "TOKEN"}


def knowing(value: str) -> Secrets:
    secrets = Secrets({"CASEWRIGHT_SECRET_TOKEN": value})
    secrets.resolve(REFERENCE)
    return secrets


def test_a_secret_comes_from_the_environment() -> None:
    assert Secrets({"CASEWRIGHT_SECRET_TOKEN": "s3cret"}).resolve(REFERENCE) == "s3cret"


def test_a_secret_comes_from_a_mounted_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "TOKEN").write_bytes(b" two\nlines \r\n")
    assert Secrets({}, tmp_path).resolve(REFERENCE) == " two\nlines "


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "TOKEN").write_text("file")
    assert Secrets({"CASEWRIGHT_SECRET_TOKEN": "environment"}, tmp_path).resolve(REFERENCE) == "environment"


def test_a_changed_file_is_used_from_the_next_call_on(tmp_path: Path) -> None:
    secrets = Secrets({}, tmp_path)
    for value in ("old-value", "new-value"):
        (tmp_path / "TOKEN").write_text(value)
        assert secrets.resolve(REFERENCE) == value
    assert secrets.redact("old-value new-value") == "*** ***"


def test_references_are_found_in_mappings_and_lists() -> None:
    config = {"a": [{"b": REFERENCE}, 1], "c": "text", "d": {"secret": "TOKEN", "more": 1}, "e": {"secret": 5}}
    resolved = Secrets({"CASEWRIGHT_SECRET_TOKEN": "s3cret"}).resolve(config)
    assert resolved == {**config, "a": [{"b": "s3cret"}, 1]}
    assert config["a"] == [{"b": REFERENCE}, 1]


@pytest.mark.parametrize(
    "name", ["../outside", "..", ".", ".hidden", "a/b", "/etc/passwd", "", "a\n", "a\0", "{{ x }}"]
)
def test_a_name_that_is_a_path_is_no_secret(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_text("outside")
    (tmp_path / "secrets").mkdir()
    with pytest.raises(SecretMissing):
        Secrets({f"CASEWRIGHT_SECRET_{name}": "value"}, tmp_path / "secrets").resolve({"secret": name})


def test_a_secret_that_is_nowhere_is_missing_by_name(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="TOKEN"):
        Secrets({"CASEWRIGHT_SECRET_TOKEN": ""}, tmp_path).resolve(REFERENCE)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (MAX_SECRET_BYTES + 1), b"", b"\n"])
def test_a_file_that_cannot_be_a_secret_is_missing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "TOKEN").write_bytes(content)
    with pytest.raises(SecretMissing, match="TOKEN"):
        Secrets({}, tmp_path).resolve(REFERENCE)


def test_a_directory_in_place_of_the_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "TOKEN").mkdir()
    with pytest.raises(SecretMissing, match="TOKEN"):
        Secrets({}, tmp_path).resolve(REFERENCE)


@pytest.mark.parametrize("value", ["p@ss w/rd&é", 'quo"te\\d', "a+b/c=d"])
def test_encoded_forms_are_hidden(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    text = f"<{value}> <{quote(value, safe='')}> <{quote(value)}> <{escaped}>"
    assert knowing(value).redact(text) == "<***> <***> <***> <***>"


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "a-long-user-name"])
def test_basic_authentication_is_hidden_whatever_the_user(user: str) -> None:
    for password in ("pa55", "hunter2", "a longer pass phrase?>"):
        pair = f"{user}:{password}".encode()
        encoded = f"{base64.b64encode(pair).decode()}, {base64.urlsafe_b64encode(pair).decode()}"
        assert knowing(password).redact(f"Basic {encoded}.") == "Basic ***, ***."


def test_only_what_was_handed_out_is_hidden() -> None:
    assert Secrets({"CASEWRIGHT_SECRET_TOKEN": "s3cret"}).redact("s3cret") == "s3cret"


def test_a_secret_that_holds_another_is_hidden_whole() -> None:
    secrets = Secrets({"CASEWRIGHT_SECRET_A": "key", "CASEWRIGHT_SECRET_B": "my-key-2"})
    secrets.resolve([{"secret": "A"}, {"secret": "B"}])
    assert secrets.redact("my-key-2 and key") == "*** and ***"


def test_the_beginning_of_a_secret_at_the_end_of_a_text_is_hidden() -> None:
    assert knowing("open-sesame").redact("say open-ses") == "say ***"
    assert knowing("open-sesame").redact("say ope") == "say ope"


def test_a_secret_url_is_hidden_as_messages_and_servers_show_it() -> None:
    secrets = knowing("https://user:pw@hooks.example/T0/B1?key=1")
    assert secrets.redact("GET https://hooks.example/T0/B1: Cannot GET /T0/B1") == "GET ***: Cannot GET ***"


def test_a_url_is_shown_without_credentials() -> None:
    assert shown_url("https://me:pw@example.org:8443/a/b?key=1#x") == "https://example.org:8443/a/b"
    assert shown_url("http://[broken") == "(not a URL)"


def test_a_template_cannot_choose_a_secret() -> None:
    problems = list(misnamed_secrets({"auth": [{"bearer": {"secret": "{{ order.key }}"}}]}))
    assert [problem.path for problem in problems] == [("auth", 0, "bearer", "secret")]
