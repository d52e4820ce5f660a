from dataclasses import FrozenInstanceError

import pytest

from connectors.port import (
    Done,
    Failed,
    FailureKind,
    covers,
    http_kind,
    is_failure_kind,
    matches,
)


@pytest.mark.parametrize(
    ("on", "kind"),
    [
        (["timeout"], "timeout"),
        (["timeout", "connection"], "connection"),
        (["5xx"], "http_503"),
        (["4xx"], "http_404"),
        (["429"], "http_429"),
        ([429], "http_429"),
        (["any"], "raised"),
        (["any"], "http_404"),
        (["lost"], "lost"),
    ],
)
def test_an_entry_of_retry_on_names_a_failure(on: list[str | int], kind: str) -> None:
    assert matches(on, Failed(kind, "", retryable=True))


@pytest.mark.parametrize(
    ("on", "kind"),
    [
        ([], "timeout"),
        (["timeout"], "connection"),
        (["5xx"], "http_404"),
        (["5xx"], "timeout"),
        (["429"], "http_428"),
        (["4xx", "timeout"], "http_503"),
        (["xx", "http", "503 "], "http_503"),
    ],
)
def test_an_entry_of_retry_on_names_no_other_failure(on: list[str | int], kind: str) -> None:
    assert not matches(on, Failed(kind, "", retryable=True))


def test_an_entry_covers_a_status_exactly_or_as_a_class() -> None:
    assert [covers(entry, 404) for entry in ("404", 404, "4xx", "40", "2xx", "xx")] == [True] * 3 + [False] * 3


def test_the_kind_of_an_http_failure_is_its_status() -> None:
    assert http_kind(503) == "http_503"
    assert all(is_failure_kind(kind) for kind in (*FailureKind, "http_503"))
    assert not any(is_failure_kind(kind) for kind in ("http_", "http_99", "503", "http_5xx", "http_503\n"))


def test_an_outcome_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Done(1).output = 2  # type: ignore[misc]
