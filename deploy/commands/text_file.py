"""Text files on the command line; `-` is standard input."""

from typing import NamedTuple

import click

from deploy.commands.output import Refused

STANDARD_INPUT = "-"


class TextFile(NamedTuple):
    """A file that was read; `name` stands in what is said about it."""

    name: str
    text: str


file_type = click.Path(dir_okay=False, allow_dash=True)


def text_file(context: click.Context, parameter: click.Parameter, given: str | None) -> TextFile | None:
    """The file of an argument or option of type `file_type`; None when it is not given.

    Raises `BadParameter` where it cannot be read, `Refused` where it is not UTF-8.
    """
    if given is None:
        return None
    name = "<stdin>" if given == STANDARD_INPUT else given
    try:
        with click.open_file(given, "rb") as file:
            return TextFile(name, file.read().decode())
    except OSError as error:
        raise click.BadParameter(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Refused(f"{name} is not UTF-8 (byte {error.start})") from None


file_argument = click.argument("file", type=file_type, callback=text_file)
