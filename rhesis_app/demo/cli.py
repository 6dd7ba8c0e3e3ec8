"""`rhesis-app demo`: make the demonstration, or remove it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rhesis_app.demo.actions.make import Demo
    from rhesis_app.infra.runtime import Runtime

OpenHost = Callable[[], "Runtime"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def demo() -> None:
    """A tested chatbot to look at, with finished runs."""


@demo.command()
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="Where this instance is reached.")
@click.pass_obj
def make(open_host: OpenHost, *, url: str) -> None:
    """Print a fresh link to the demonstration; make it first when there is none."""
    from rhesis_app.demo.actions.make import make_demo
    from rhesis_app.kernel.errors import AppError
    from rhesis_app.runs.actions.plan import Parts

    host = open_host()
    parts = Parts(registry=host.registry, door=host.door, secrets=host.secrets, judges=host.judges)
    try:
        made = make_demo(host, parts, host.settings.data_directory, url.rstrip("/"))
    except AppError as problem:
        raise click.ClickException(problem.detail) from problem
    if not made.is_finished:
        click.echo("The demonstration's runs are not finished yet: the page shows how they go on.")
    _show(made)


@demo.command()
@click.option("--url", default="", help="Where this instance is reached.")
@click.pass_obj
def remove(open_host: OpenHost, *, url: str) -> None:
    """Erase the demonstration and everything in it."""
    from rhesis_app.demo.actions.credentials import REMOVED
    from rhesis_app.demo.actions.remove import find_owner, remove_demo
    from rhesis_app.kernel.errors import AppError

    host = open_host()
    owner = find_owner(host)
    if owner is None:
        raise click.ClickException("There is no demonstration here.")
    try:
        with host.open_scope(owner) as scope:
            first_start = remove_demo(host, scope, host.settings.data_directory)
    except AppError as problem:
        raise click.ClickException(problem.detail) from problem
    click.echo(REMOVED)
    if first_start is not None:
        click.echo(f"first start: {url}{first_start}")


def _show(made: "Demo") -> None:
    known = made.credentials
    click.echo(f"open  {known.url}{made.link}")
    click.echo("      signs in once, and shows a finished run of the demonstration")
    if made.is_new:
        click.echo(f"      afterwards sign in as {known.email} with the password {known.password}")
        click.echo(f"      API token {known.token}")
    click.echo("      all of it is kept in demo.json in the data directory")
