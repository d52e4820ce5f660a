"""The gallery: one small, lifelike specification for each pattern, read as it stands in the documentation."""

from pathlib import Path

from engine.spec.model import Specification
from engine.spec.read import read_specification

GALLERY = Path(__file__).parent.parent.parent / "docs" / "gallery"


def gallery(name: str) -> Specification:
    """The specification of a file of the gallery."""
    return read_specification((GALLERY / f"{name}.yaml").read_text(encoding="utf-8"), name=name)
