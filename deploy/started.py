"""The parts of a process that is being started: what keeps it from starting is said in lines, not in a traceback."""

import logging

from connectors.configuration import ConfigurationInvalid
from connectors.kinds import KindUnusable
from deploy.settings import Settings
from deploy.wiring import Parts, build

log = logging.getLogger(__name__)

CANNOT_START = 2


def started(settings: Settings) -> Parts:
    """Puts the parts together as `build` does; ends the process where its connectors are not accepted."""
    try:
        return build(settings)
    except (ConfigurationInvalid, KindUnusable) as error:
        for line in str(error).splitlines():
            log.critical("the connectors are not accepted: %s", line)
        raise SystemExit(CANNOT_START) from None
