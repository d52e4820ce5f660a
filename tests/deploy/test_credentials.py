"""Credentials: random, private, made once even by two first starts at once, refused when they are broken."""

import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from deploy.credentials import Credentials, CredentialsError, load, load_or_create, signing_secret
from deploy.settings import Settings

FIRST_STARTS = 16


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def written(data_dir: Path, content: str) -> Path:
    path = data_dir / "credentials.json"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_a_data_dir_without_credentials_has_none(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    assert load(tmp_path / "nowhere") is None


def test_the_first_start_makes_credentials_and_later_ones_find_them(tmp_path: Path) -> None:
    made, first = load_or_create(tmp_path)
    found, second = load_or_create(tmp_path)

    assert (first, second) == (True, False)
    assert made == found == load(tmp_path)


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    load_or_create(tmp_path / "data")

    assert mode(tmp_path / "data") == 0o700
    assert mode(tmp_path / "data" / "credentials.json") == 0o600


def test_no_two_installations_share_a_secret(tmp_path: Path) -> None:
    one, _ = load_or_create(tmp_path / "one")
    two, _ = load_or_create(tmp_path / "two")
    values = [each for made in (one, two) for each in (made.jwt_secret, made.admin_password, made.flower_password)]

    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 24


def test_first_starts_at_once_agree(tmp_path: Path) -> None:
    together = Barrier(FIRST_STARTS)

    def start(_: int) -> tuple[Credentials, bool]:
        together.wait()
        return load_or_create(tmp_path / "data")

    with ThreadPoolExecutor(FIRST_STARTS) as starts:
        results = list(starts.map(start, range(FIRST_STARTS)))

    assert len({credentials.jwt_secret for credentials, _ in results}) == 1
    assert [created for _, created in results].count(True) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["credentials.json"]


def test_the_repr_shows_no_secret(tmp_path: Path) -> None:
    made, _ = load_or_create(tmp_path)

    assert repr(made) == "Credentials()"


@pytest.mark.parametrize("wrong", [0o644, 0o640, 0o602])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, wrong: int) -> None:
    load_or_create(tmp_path)
    (tmp_path / "credentials.json").chmod(wrong)

    with pytest.raises(CredentialsError, match=rf"credentials\.json .*mode {wrong:04o}\): chmod 600 it"):
        load_or_create(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"),
        ("\x00\x01", "is not JSON"),
        ("[]", "lacks jwt_secret, admin_password, flower_password"),
        (
            json.dumps({"jwt_secret": "s" * 40, "admin_password": 7, "flower_password": ""}),
            "lacks admin_password, flow",
        ),
        (json.dumps({"jwt_secret": "short", "admin_password": "a", "flower_password": "f"}), "fewer than 32 bytes"),
    ],
)
def test_a_broken_file_is_one_line_and_is_left_as_it_is(tmp_path: Path, content: str, said: str) -> None:
    path = written(tmp_path, content)

    with pytest.raises(CredentialsError, match=said) as caught:
        load_or_create(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert path.read_text(encoding="utf-8") == content


def test_a_link_to_another_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    load_or_create(tmp_path / "elsewhere")
    (tmp_path / "credentials.json").symlink_to(tmp_path / "elsewhere" / "credentials.json")

    with pytest.raises(CredentialsError, match="cannot be read"):
        load(tmp_path)


def test_a_data_dir_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CredentialsError, match="cannot be"):
        load_or_create(tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CASEWRIGHT_JWT_SECRET": "e" * 32}, lambda made: "e" * 32),
        ({}, lambda made: made.jwt_secret),
    ],
    ids=["from the environment", "from the data dir"],
)
def test_tokens_are_signed_with(
    tmp_path: Path, variables: dict[str, str], expected: Callable[[Credentials], str]
) -> None:
    made, _ = load_or_create(tmp_path)
    settings = Settings.from_environment({"CASEWRIGHT_DATA_DIR": str(tmp_path), **variables})

    assert signing_secret(settings) == expected(made)


def test_without_any_jwt_secret_there_is_no_default(tmp_path: Path) -> None:
    settings = Settings.from_environment({"CASEWRIGHT_DATA_DIR": str(tmp_path)})

    with pytest.raises(CredentialsError, match="there is no JWT secret"):
        signing_secret(settings)
