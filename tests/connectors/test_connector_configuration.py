"""The files in which an installation describes its connectors."""

from pathlib import Path

import pytest

from connectors.configuration import MAX_FILE_BYTES, ConfigurationInvalid, read
from connectors.kinds import BUILT_IN
from connectors.registry import Registry
from connectors.secrets import Secrets
from tests.connectors.calls import built, call_request, failure_of, output_of
from tests.connectors.local_server import LocalServer


def problems(path: Path, text: str) -> list[str]:
    file = path / "connectors.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationInvalid) as invalid:
        read(file, BUILT_IN)
    return [problem.removeprefix(f"{file}: ") for problem in invalid.value.problems]


def test_a_file_names_connectors_and_their_settings(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("stock: {connector: http, timeout_s: 5}\nmail:\n  host: mail.example\n")
    [stock, mail] = read(tmp_path / "a.yaml", BUILT_IN)
    assert (stock.name, stock.kind, stock.settings) == ("stock", "http", {"timeout_s": 5})
    assert (mail.name, mail.kind, mail.settings) == ("mail", "mail", {"host": "mail.example"})


def test_a_directory_is_read_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("b: {connector: http}")
    (tmp_path / "a.yaml").write_text("a: {connector: echo}\nhttp:")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    (tmp_path / "notes.txt").write_text("not: [yaml")
    assert [each.name for each in read(tmp_path, BUILT_IN)] == ["a", "http", "b"]


def test_a_name_stands_once_in_all_files(tmp_path: Path) -> None:
    for file in ("a.yaml", "b.yaml"):
        (tmp_path / file).write_text("stock: {connector: http}")
    with pytest.raises(ConfigurationInvalid, match=r"b\.yaml: stock: there is a connector of this name already"):
        read(tmp_path, BUILT_IN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stock: {connector: htpp}", 'stock.connector: there is no kind "htpp" (did you mean "http"?)'),
        ("stock: {}", 'stock.connector: there is no kind "stock"'),
        ("stock: 5", "stock: must be a mapping"),
        ("Stock: {connector: http}", "Stock: a name is of small letters"),
        ("5: {connector: http}", "5: a name is of small letters"),
        ("http: {timeout: 5}", 'http.timeout: unknown key (did you mean "timeout_s"?)'),
        ("http: {auth: {bearer: {secret: A}}}", "http.auth: needs a base_url"),
        ("http: {base_url: 'https://a/{{ b }}'}", "http.base_url: settings hold no templates"),
        ("http: {allow: ['{{ a }}']}", "http.allow.0: settings hold no templates"),
        ("http: {base_url: {secret: A}}", "http.base_url: must be written out"),
        ("http: {allow: [{secret: A}]}", "http.allow.0: must be written out"),
        ("http: {base_url: 'https://a', auth: {bearer: abc}}", "http.auth.bearer: must be {secret: NAME}"),
        (
            "http: {base_url: 'https://a', auth: {api_key: {header: X, value: abc}}}",
            "http.auth.api_key.value: must be {secret: NAME}",
        ),
        (
            "http: {base_url: 'https://a', auth: {oauth2: {token_url: 'https://a', client_id: a, client_secret: b}}}",
            "http.auth.oauth2.client_secret: must be {secret: NAME}",
        ),
        ("mail: {host: a, username: b, password: c}", "mail.password: must be {secret: NAME}"),
        ("mail: {host: a, username: b, password: {secret: ../x}}", "mail.password.secret: '../x' cannot be"),
        ("[a]", "must be a mapping from names to connectors"),
        ("a: {b", "not YAML: "),
        ("a: {}\na: {}", "not YAML: "),
        ("a: !!python/object/apply:os.system [id]", "not YAML: "),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    [problem] = problems(tmp_path, text)
    assert problem.startswith(expected)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    told = problems(tmp_path, "http: {timeout_s: 0, colour: red}\nmail: {port: 5}\nfax: {}")
    assert [each.split(":")[0] for each in told] == ["http.colour", "http.timeout_s", "mail", "fax.connector"]


def test_a_password_that_was_written_out_is_not_repeated(tmp_path: Path) -> None:
    assert "open-sesame" not in str(problems(tmp_path, "mail: {host: a, username: b, password: open-sesame}"))


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot be read: No such file"):
        read(tmp_path / "absent.yaml", BUILT_IN)


def test_a_file_of_boundless_length_is_not_read(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, "#" * (MAX_FILE_BYTES + 1))
    assert problem == f"longer than {MAX_FILE_BYTES} bytes"


def test_an_installation_has_what_it_configures_and_what_needs_no_settings(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("stock: {connector: http}\nhttp: {timeout_s: 5}\n")
    registry = Registry(built(read(tmp_path, BUILT_IN), BUILT_IN, Secrets({}).resolve))
    assert registry.names() == ["echo", "http", "stock", "webhook"]
    assert Registry(built([], BUILT_IN, Secrets({}).resolve)).names() == ["echo", "http", "webhook"]


def test_a_configured_connector_calls_as_it_was_told(tmp_path: Path, server: LocalServer) -> None:
    text = f"stock: {{connector: http, base_url: '{server.url}/api', auth: {{bearer: {{secret: STOCK_TOKEN}}}}}}"
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "STOCK_TOKEN"
    secrets = Secrets({}, tmp_path / "secrets")
    registry = Registry(built(read(tmp_path, BUILT_IN), BUILT_IN, secrets.resolve), secrets)
    assert failure_of(registry.call(call_request("stock", {"url": "items"}))).kind == "secret_missing"
    for value in ("first", "second"):
        secret.write_text(value)
        assert output_of(registry.call(call_request("stock", {"url": "items"})))["status"] == 200
        assert (server.last.path, server.last.headers["authorization"]) == ("/api/items", f"Bearer {value}")
    registry.close()
