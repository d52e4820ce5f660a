"""The server that a command talks to: how it is named, who one is there, and what its refusals become."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click

from api.client import ApiProblem, ApiUnreachable, Client
from deploy.commands.output import Failure, Refused, Unreachable
from deploy.commands.settings import data_dir_option, json_option, settings_with
from deploy.commands.tokens import EVERY_ROLE, signed_token
from deploy.credentials import ADMIN_USER

DEFAULT_URL = "http://127.0.0.1:8080"

LONGEST_WAIT_S = 3600.0
TOKEN_LIFETIME_S = 2 * 3600
"""The token that a command makes for itself outlives the longest wait."""

MOST_LAYERS = 20
"""So far down an exception is followed to the one that caused it."""

P = ParamSpec("P")


def _web_address(context: click.Context, parameter: click.Parameter, given: str) -> str:
    if not given.startswith(("http://", "https://")) or not given.partition("://")[2].strip("/"):
        raise click.BadParameter(f"{given!r} is no address such as {DEFAULT_URL}")
    return given


_url_option = click.option(
    "--url",
    envvar="CASEWRIGHT_URL",
    default=DEFAULT_URL,
    callback=_web_address,
    show_default=True,
    show_envvar=True,
    help="The server.",
)
_token_option = click.option(
    "--token", envvar="CASEWRIGHT_TOKEN", show_envvar=True, help="A token; else one is made as `casewright token` does."
)
_user_option = click.option(
    "--user", default=ADMIN_USER, show_default=True, help="Who one is, where no token is given."
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server, reached as somebody; `as_json` is how the command's result is shown."""

    client: Client
    as_json: bool


def with_server(command: Callable[Concatenate[Server, P], None]) -> Callable[..., None]:
    """Gives a command the options that name a server, and the server as its first argument."""

    @_url_option
    @_token_option
    @_user_option
    @data_dir_option
    @json_option
    @wraps(command)
    def run(
        url: str,
        token: str | None,
        user: str,
        data_dir: Path | None,
        as_json: bool,
        *rest: P.args,
        **options: P.kwargs,
    ) -> None:
        with reached(url, token or _own_token(url, user, data_dir)) as client:
            command(Server(client, as_json), *rest, **options)

    return run


@contextmanager
def reached(url: str, token: str | None) -> Iterator[Client]:
    """A client of a server. What the server refuses within becomes a `Failure`, as does a server that is away."""
    client = Client(url, token)
    try:
        yield client
    except ApiProblem as problem:
        raise failure_of(problem) from None
    except ApiUnreachable as error:
        message = f"{url} does not answer ({_innermost(error)}): start it with `casewright up`, or name it with --url"
        raise Unreachable(message) from None
    finally:
        client.close()


def failure_of(problem: ApiProblem) -> Failure:
    """What the API refused, in one line with the places of what is wrong."""
    told = problem.problem
    said = told.get("detail") or told.get("title") or "the server refused"
    errors = [f"{error['path']}: {error['message']}" for error in problem.errors]
    return Refused(f"{said} ({problem.code or problem.status})", errors)


def _own_token(url: str, user: str, data_dir: Path | None) -> str:
    try:
        return signed_token(settings_with(data_dir=data_dir), user, EVERY_ROLE, TOKEN_LIFETIME_S)
    except Refused as failure:
        # Where nobody answers, that is what is to be mended first.
        with reached(url, None) as client:
            client.live()
        why = f"no token was given (--token, CASEWRIGHT_TOKEN), and none can be made: {failure.message}"
        raise Refused(why) from None


def _innermost(error: BaseException) -> str:
    """What the operating system said, beneath the layers of those who passed it on."""
    reasons = [error]
    while (inner := reasons[-1].__cause__ or reasons[-1].__context__) is not None and len(reasons) < MOST_LAYERS:
        reasons.append(inner)
    said = [each.strerror for each in reasons if isinstance(each, OSError) and each.strerror]
    return said[-1] if said else type(reasons[-1]).__name__
