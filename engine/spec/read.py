"""The door of the specification language: text in, a compiled specification out, or everything that is wrong."""

from collections.abc import Mapping
from typing import Any

from engine.spec.compile import CheckConfig, compile_specification
from engine.spec.diagnostics import Report
from engine.spec.model import Specification
from engine.spec.parse import parse
from engine.spec.shape import check_shape


def read_specification(
    text: str, *, name: str = "specification", check_config: CheckConfig | None = None
) -> Specification:
    """The specification of a YAML or JSON text; `name` stands in its errors. Raises `SpecificationInvalid`.

    `check_config` checks the configuration of each automated task, by the name of its connector.
    """
    report = Report(name)
    document = parse(text, report)
    check_shape(document, report)
    report.raise_errors()
    specification = compile_specification(document, report, check_config)
    report.raise_errors()
    return specification


def load_document(document: Mapping[str, Any]) -> Specification:
    """The specification of a document that was checked when it was deployed."""
    report = Report("deployed specification")
    specification = compile_specification(document, report)
    report.raise_errors()
    return specification
