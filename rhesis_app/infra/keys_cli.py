"""`rhesis-app keys`: make and rotate the keys that seal stored credentials. Its object reads the environment of a data directory."""

from collections.abc import Callable
from pathlib import Path

import click

from rhesis_app.infra.backup.source import reachable
from rhesis_app.infra.crypto import SecretError, new_key
from rhesis_app.infra.rotate import RotationRefused, keys_of, rotate_keys


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def keys() -> None:
    """Make and rotate the keys that seal stored credentials."""


@keys.command("new")
def new_key_command() -> None:
    """Print a new key for RHESIS_ENCRYPTION_KEYS."""
    click.echo(new_key())


@keys.command("rotate")
@click.option("--data", type=click.Path(path_type=Path), help="Data directory [default: $RHESIS_DATA or .rhesis].")
@click.option("--lost", is_flag=True, help="The key before is gone: go on without what it sealed.")
@click.pass_obj
def rotate_keys_command(
    environment_of: Callable[[Path | None], dict[str, str]], *, data: Path | None, lost: bool
) -> None:
    """Seal every stored credential with the first key, also while an instance runs."""
    unread = 0
    try:
        with reachable(environment_of(data)) as installation:
            for done in rotate_keys(installation.url, keys_of(installation), lost=lost):
                click.echo(f"{done.field}: {done.moved} sealed anew, {done.kept} were, {done.lost} open with no key")
                unread += done.lost
    except (RotationRefused, SecretError) as problem:
        raise click.ClickException(str(problem)) from problem
    if unread and not lost:
        raise click.ClickException(
            f"{unread} open with none of the keys. Add theirs and run this again, or enter them again."
        )
    click.echo(
        "Everything is sealed with the first key. The others may go when every process has been started with it."
    )
