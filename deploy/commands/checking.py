"""A specification that is read and checked here, with the connectors that this installation has.

Importing this takes a third of a second (expressions, paths, schemas), so only the commands that check do.
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from connectors.registry import Registry as Connectors
from deploy.commands.connectors import connectors_checked
from deploy.commands.output import Refused
from deploy.commands.settings import settings_with
from deploy.drawing import Graphviz
from deploy.wiring import connectors_of, problems_of_config
from engine.data.values import problems_of
from engine.errors import InvalidInput
from engine.spec.diagnostics import Diagnostic, SpecificationInvalid
from engine.spec.dot import Shown
from engine.spec.model import Specification
from engine.spec.picture import net_picture, specification_picture
from engine.spec.read import read_specification
from engine.spec.soundness import Soundness


def installed_connectors() -> Connectors:
    """The connectors that the settings of this environment make."""
    settings = settings_with()
    with connectors_checked():
        return connectors_of(settings, os.environ)


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


def draw(specification: Specification, nets: Sequence[Soundness], path: str) -> None:
    """Draws into a file: all nets, or, where one is not sound, that net with the first sequence that shows it.

    Raises `Refused` where that cannot be done.
    """
    try:
        Path(path).write_text(_picture(specification, nets), encoding="utf-8")
    except InvalidInput as refusal:
        raise Refused(refusal.message) from None
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None


def _picture(specification: Specification, nets: Sequence[Soundness]) -> str:
    shown = next(((net.net, finding) for net in nets for finding in net.findings if finding.trace), None)
    if shown is None:
        return specification_picture(specification, Graphviz())
    net, finding = shown
    steps = tuple((firing.task, firing.gave) for firing in finding.trace)
    state = Shown(dict(finding.tokens), dict(finding.running), trace=steps)
    return net_picture(net, Graphviz(), state, title=f"Net {net.name}: {finding.summary()}")
