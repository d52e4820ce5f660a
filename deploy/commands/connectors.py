"""Connectors that a command makes as the settings say. Importing this takes long, so only the commands that do."""

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.configuration import ConfigurationInvalid
from connectors.kinds import KindUnusable
from deploy.commands.output import WrongUsage


@contextmanager
def connectors_checked() -> Iterator[None]:
    """Where connectors are made. Raises `Failure` with all that is wrong with their configuration."""
    try:
        yield
    except ConfigurationInvalid as error:
        raise WrongUsage("the connectors are not accepted", error.problems) from None
    except KindUnusable as error:
        raise WrongUsage(f"the connectors are not accepted: {error}") from None
