"""`rhesis-app account`: what whoever runs the server does for somebody's account."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rhesis_app.infra.runtime import Runtime

OpenHost = Callable[[], "Runtime"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def account() -> None:
    """Bring accounts back, and let people in who cannot help themselves."""


@account.command()
@click.argument("email")
@click.pass_obj
def activate(open_host: OpenHost, email: str) -> None:
    """Let EMAIL sign in again, who has deactivated their account; what ended with it stays ended."""
    from rhesis_app.auth.actions.deactivate import activate as bring_back

    with _told():
        bring_back(open_host(), email)
    click.echo(f"{email} may sign in again.")


@account.command("email-link")
@click.argument("email")
@click.option("--to", default="", help="Another address that EMAIL shall have from then on.")
@click.option("--url", default="", help="Where this instance is reached, such as https://rhesis.example.org.")
@click.pass_obj
def email_link(open_host: OpenHost, email: str, *, to: str, url: str) -> None:
    """Print a link by which EMAIL, signed in, confirms their address or takes another one, for half an hour."""
    from rhesis_app.auth.actions.address import make_email_link

    with _told():
        click.echo(f"{url}{make_email_link(open_host(), email, to)}")


@account.command("second-factor-off")
@click.argument("email")
@click.pass_obj
def second_factor_off(open_host: OpenHost, email: str) -> None:
    """Ask EMAIL for no code any more, who has lost their authenticator app and recovery codes."""
    from rhesis_app.auth.actions.deactivate import take_second_factor_away

    with _told():
        take_second_factor_away(open_host(), email)
    click.echo(f"{email} signs in with the password alone.")


@contextmanager
def _told() -> Iterator[None]:
    from rhesis_app.kernel.errors import AppError

    try:
        yield
    except AppError as problem:
        raise click.ClickException(problem.detail) from problem
