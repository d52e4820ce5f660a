"""A specification that is read and checked here, with the connectors that this installation has.

Importing this takes a third of a second (expressions, paths, schemas), so only the commands that check do.
"""

import os
from functools import partial

from connectors.registry import Registry as Connectors
from deploy.commands.settings import settings_with
from deploy.wiring import connectors_of, problems_of_config
from engine.data.values import problems_of
from engine.spec.diagnostics import Diagnostic, SpecificationInvalid
from engine.spec.model import Specification
from engine.spec.read import read_specification


def installed_connectors() -> Connectors:
    """The connectors that the settings of this environment make."""
    return connectors_of(settings_with(), os.environ)


def checked_specification(text: str, name: str, connectors: Connectors) -> Specification:
    """The specification of a text. Raises `SpecificationInvalid` with everything that is wrong."""
    specification = read_specification(text, name=name, check_config=partial(problems_of_config, connectors))
    problems = problems_of(specification.document)
    if problems:
        raise SpecificationInvalid(
            Diagnostic(name, 1, 1, problem.path.removeprefix("$").removeprefix("."), problem.message)
            for problem in problems
        )
    return specification
