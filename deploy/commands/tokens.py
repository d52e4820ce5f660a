"""Tokens made on the spot, by whoever may read the secret of the installation.

The claims are those that the API's `auth` describes. A token grants at most what its user has there, so one that
names every role is as good as a login of that user, and one that names fewer is good for less.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import click
import jwt

from api.permissions import Access
from deploy.commands.output import Refused, show
from deploy.commands.settings import data_dir_option, json_option, settings_with
from deploy.credentials import ADMIN_USER, CredentialsError
from deploy.settings import YEAR_S, Settings
from deploy.signing_keys import present_key, rotate

EVERY_ROLE = tuple(role.value for role in Access)


@click.command()
@click.option("--user", default=ADMIN_USER, show_default=True, help="Whose token it is. The user must exist.")
@click.option(
    "--access",
    type=click.Choice(EVERY_ROLE),
    multiple=True,
    help="Grant only what this role grants, of what the user has; may be given several times. Default: everything.",
)
@click.option(
    "--lifetime",
    "lifetime_s",
    type=click.IntRange(1, YEAR_S),
    metavar="SECONDS",
    help="How long it is good for; else CASEWRIGHT_TOKEN_LIFETIME_S, else an hour.",
)
@data_dir_option
@json_option
def token(user: str, access: tuple[str, ...], lifetime_s: int | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Print a token for the API, for whoever may read the data dir.

    No server is asked: the token is signed with the secret of the installation, which is in its data dir (or in
    CASEWRIGHT_JWT_SECRET).

    \b
    Example:
      curl -H "Authorization: Bearer $(casewright token)" http://127.0.0.1:8080/api/v1/cases
    """
    settings = settings_with(data_dir=data_dir)
    good_for_s = lifetime_s or settings.token_lifetime_s
    made = signed_token(settings, user, access or EVERY_ROLE, good_for_s)
    show({"access_token": made, "user": user, "expires_in": good_for_s}, [made], as_json=as_json)


def signed_token(settings: Settings, user: str, access: Sequence[str], lifetime_s: int) -> str:
    """An access token of a user. Raises `Failure` where the secret cannot be read."""
    try:
        key = present_key(settings)
    except CredentialsError as error:
        raise Refused(str(error)) from None
    now = int(time.time())
    claims = {
        "sub": user,
        "access": list(access),
        "resource": user,
        "type": "access",
        "jti": str(uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + lifetime_s,
    }
    return jwt.encode(claims, key.secret, "HS256", {"kid": key.id})


@click.command()
@click.option("--at-once", is_flag=True, help="Refuse tokens of the keys before from now on: one of them has leaked.")
@data_dir_option
@json_option
def rotate_keys(data_dir: Path | None, *, at_once: bool, as_json: bool) -> None:
    """Sign tokens with a new key from now on.

    Processes that run take it over within a second. Tokens that were signed before are good until they end: no refresh
    token is good for longer than CASEWRIGHT_REFRESH_LIFETIME_S. With --at-once everybody has to log in again.

    \b
    Example:
      casewright rotate-keys
    """
    settings = settings_with(data_dir=data_dir)
    try:
        made = rotate(settings, 0 if at_once else settings.refresh_lifetime_s)
    except CredentialsError as error:
        raise Refused(str(error)) from None
    before = "refused from now on" if at_once else f"good for {settings.refresh_lifetime_s:,} s more at most"
    lines = [f"tokens are signed with key {made.id} from now on; those signed before are {before}"]
    show({"key": made.id, "refused_at_once": at_once}, lines, as_json=as_json)
