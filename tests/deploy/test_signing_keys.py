"""The keys that tokens are signed with: rotated while processes run, good for as long as they are said to be."""

import json
import stat
import time
from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner

from deploy import signing_keys
from deploy.cli import casewright
from deploy.credentials import CredentialsError, load_or_create
from deploy.settings import Settings
from deploy.signing_keys import FILE_NAME, MOST_KEYS, KeyRing, rotate
from tests.api.bench import Bench, bench_of, settings_for


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An application whose secret stands in its data dir, and which looks for new keys each time."""
    monkeypatch.setattr(signing_keys, "LOOKED_FOR_S", -1.0)
    load_or_create(tmp_path)
    return bench_of(settings_for(tmp_path, jwt_secret=None))


def test_after_a_rotation_old_tokens_are_good_and_new_ones_name_the_new_key(bench: Bench) -> None:
    settings, old = bench.parts.settings, bench.admin
    made = rotate(settings, 3600)
    assert old.get("/api/v1/cases").status_code == 200
    assert made.secret not in repr(made)
    with bench.app.app_context():
        login = bench.anybody().post("/api/v1/auth/token", {"username": "admin", "password": _password(settings)})
    new = login.json["access_token"]
    assert jwt.get_unverified_header(new)["kid"] == made.id
    assert bench.anybody(new).get("/api/v1/cases").status_code == 200
    jwt.decode(new, made.secret, ["HS256"])


def test_keys_that_are_refused_at_once_let_nobody_in(bench: Bench) -> None:
    old = bench.admin
    rotate(bench.parts.settings, 0)
    assert old.get("/api/v1/cases").json["code"] == "token_invalid"


def test_a_key_ends_when_it_is_said_to(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing(bench.parts.settings)
    first = ring.present()
    rotate(bench.parts.settings, 60)
    assert ring.named(first.id) is not None and ring.present() != first
    real = time.time()
    monkeypatch.setattr("deploy.signing_keys.time.time", lambda: real + 61)
    assert ring.named(first.id) is None


def test_only_so_many_keys_are_kept_and_for_their_owner_alone(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    settings = settings_for(tmp_path, jwt_secret=None)
    for _ in range(MOST_KEYS + 5):
        rotate(settings, 3600)
    file = tmp_path / FILE_NAME
    assert len(json.loads(file.read_text())) == MOST_KEYS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(f".{FILE_NAME}")] == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '[{"secret": "short"}]', '[{"other": 1}]', "[1]"])
def test_a_file_that_is_no_list_of_keys_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    (tmp_path / FILE_NAME).chmod(0o600)
    with pytest.raises(CredentialsError, match=FILE_NAME):
        KeyRing(settings_for(tmp_path, jwt_secret=None))


def test_a_secret_of_the_environment_is_rotated_there(tmp_path: Path) -> None:
    new, old = "n" * 40, "o" * 40
    settings = settings_for(tmp_path, jwt_secret=new, jwt_previous_secrets=(old,))
    ring = KeyRing(settings)
    earlier = KeyRing(settings_for(tmp_path, jwt_secret=old)).present()
    assert ring.present().secret == new and ring.named(earlier.id) is not None
    with pytest.raises(CredentialsError, match="CASEWRIGHT_JWT_PREVIOUS_SECRETS"):
        rotate(settings, 0)


def test_the_command_rotates_and_tokens_of_the_command_are_signed_with_the_new_key(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    run = CliRunner(env={"CASEWRIGHT_DATA_DIR": str(tmp_path), "CASEWRIGHT_JWT_SECRET": ""})
    said = json.loads(run.invoke(casewright, ["rotate-keys", "--json"]).stdout)
    token = json.loads(run.invoke(casewright, ["token", "--json"]).stdout)["access_token"]
    assert jwt.get_unverified_header(token)["kid"] == said["key"]


def _password(settings: Settings) -> str:
    made, _ = load_or_create(settings.data_dir)
    return made.admin_password
