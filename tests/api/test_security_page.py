"""What docs/security.md shows is accepted, and what it says of bounds is so."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from api.issuers import IssuerConfig
from api.login_throttle import OF_ADDRESS, OF_NAME
from deploy.settings import Settings
from engine.spec.read import read_specification
from engine.store.audit import KEPT, KEPT_OF_STRANGERS

PAGE = (Path(__file__).parent.parent.parent / "docs" / "security.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_issuer_and_the_specification_it_shows_are_accepted() -> None:
    issuers, specification = EXAMPLES
    assert [IssuerConfig.model_validate(each).users for each in YAML(typ="safe").load(issuers)] == ["known"]
    assert read_specification(specification).access.see is not None


@pytest.mark.parametrize(
    "said",
    [
        f"newest {KEPT:,} entries are kept, and\n{KEPT_OF_STRANGERS:,} of strangers",
        f"may send {Settings(redis_url='', broker_url='', data_dir=Path()).requests_per_s:,} requests a second",
    ],
)
def test_the_bounds_it_says_are_those_of_the_code(said: str) -> None:
    assert said in PAGE


def test_the_patience_it_says_is_that_of_the_code() -> None:
    assert (OF_NAME.free, OF_NAME.longest_s, OF_ADDRESS.free, OF_ADDRESS.longest_s) == (5, 60, 50, 300)
    assert "After five wrong ones" in PAGE and "up to a minute" in PAGE
    assert "wrong fifty times" in PAGE and "up to five minutes" in PAGE
