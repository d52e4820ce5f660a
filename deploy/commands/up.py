"""`casewright up`: everything on one machine, and the demo specification on request."""

import os
import shlex
import socket
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click

from deploy.commands import stock
from deploy.commands.gallery import ORDER_FULFILMENT, example
from deploy.commands.output import Failure, Refused
from deploy.commands.server import TOKEN_LIFETIME_S, reached
from deploy.commands.settings import data_dir_option, settings_with
from deploy.commands.tokens import EVERY_ROLE, signed_token
from deploy.credentials import ADMIN_USER, make_private_directory
from deploy.local import ANY_ADDRESS, run_up
from deploy.processes import Program
from deploy.settings import Settings, redis_is_named

DEMO_CONNECTORS = "demo-connectors.yaml"


@click.command()
@click.option("--host", help="The address the API listens on; else CASEWRIGHT_HOST, else 127.0.0.1.")
@click.option("--port", type=click.IntRange(1, 65_535), help="The port of the API; else CASEWRIGHT_PORT, else 8080.")
@data_dir_option
@click.option(
    "--workers", type=click.IntRange(1, 256), help="How many worker processes; else CASEWRIGHT_WORKERS, else 2."
)
@click.option("--flower/--no-flower", default=True, show_default=True, help="Whether Flower runs too.")
@click.option("--demo", is_flag=True, help="Deploy order-fulfilment, and run the stock service that it asks.")
def up(
    host: str | None, port: int | None, data_dir: Path | None, workers: int | None, *, flower: bool, demo: bool
) -> None:
    """Run everything on this machine.

    API, workers, beat, Flower and a Redis run until Ctrl-C. The Redis is one of its own, with its file in the data dir,
    unless CASEWRIGHT_REDIS_URL or REDIS_URL names another. The first start makes a random password for the user admin
    and shows it once.

    \b
    Example:
      casewright up --port 8080 --workers 4 --data-dir ./data
    """
    settings = settings_with(host=host, port=port, data_dir=data_dir, workers=workers)
    if demo:
        settings = _allowing_the_stock_service(settings)
    _check_connectors(settings)
    code = run_up(
        settings,
        external_redis=redis_is_named(os.environ),
        flower=flower,
        on_ready=(lambda: _deploy_demo(settings)) if demo else None,
        extra=_stock_service(settings.data_dir) if demo else (),
    )
    click.get_current_context().exit(code)


def _check_connectors(settings: Settings) -> None:
    """Raises `Failure` before anything is started that would end for its connectors' sake."""
    # Both take long to import, and the other commands of this module's group do not need them.
    from deploy.commands.connectors import connectors_checked
    from deploy.wiring import connectors_of

    with connectors_checked():
        connectors_of(settings, os.environ).close()


def _allowing_the_stock_service(settings: Settings) -> Settings:
    """These settings with connectors that may call the demo's stock service, which is on this machine; an installation
    that configures its connectors itself allows it there."""
    if settings.connectors is not None:
        return settings
    place = settings.data_dir / DEMO_CONNECTORS
    make_private_directory(settings.data_dir)
    place.write_text(f'http: {{allow: ["{stock.HOST}:{stock.PORT}"]}}\n')
    return replace(settings, connectors=place)


def _stock_service(data_dir: Path) -> Sequence[Program]:
    """The stock service, unless one answers already. Raises `Failure` where something else has its port."""
    if stock.answers():
        click.echo(f"casewright up: the stock service that answers on port {stock.PORT} already is used for the demo")
        return ()
    with closing(socket.socket()) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((stock.HOST, stock.PORT))
        except OSError as error:
            why = f"port {stock.PORT}, where the demo's stock service is asked, cannot be opened ({error.strerror})"
            raise Refused(f"{why}: free it, or leave out --demo") from None
    return (stock.program(data_dir),)


def _deploy_demo(settings: Settings) -> None:
    """Deploys the demo once the API answers. What goes wrong is said, and everything else goes on."""
    host = ANY_ADDRESS.get(settings.host, settings.host)
    url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    try:
        with reached(url, signed_token(settings, ADMIN_USER, EVERY_ROLE, TOKEN_LIFETIME_S)) as client:
            deployed = client.deploy(example(ORDER_FULFILMENT))
    except Failure as failure:
        failure.show()
        return
    where = f"--url {url} --data-dir {shlex.quote(str(settings.data_dir))}"
    click.echo(f"{deployed['id']} version {deployed['version']} is deployed; to see it work: casewright demo {where}")
