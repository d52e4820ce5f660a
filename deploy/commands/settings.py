"""The settings a command works with: those of the environment, over which its options win."""

import os
from pathlib import Path
from typing import Any

import click

from deploy.commands.output import WrongUsage
from deploy.settings import Settings, SettingsError, variable

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the installation keeps its data and secrets; else CASEWRIGHT_DATA_DIR, else ~/.local/share/casewright.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of text.")


def settings_with(**chosen: Any) -> Settings:
    """The settings; `chosen` are fields given by options, None where not. Raises `Failure` with all that is wrong."""
    given = {variable(name): str(value) for name, value in chosen.items() if value is not None}
    try:
        return Settings.from_environment({**os.environ, **given})
    except SettingsError as error:
        raise WrongUsage("the settings are not accepted", error.problems) from None
