"""The `rhesis-app` command: thin, and quick to say `--help`, because what a command needs is imported inside it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import rhesis_app

if TYPE_CHECKING:
    from flask import Flask

    from rhesis_app.infra.runtime import Runtime


DATA_HELP = "Data directory [default: $RHESIS_DATA or .rhesis]."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(rhesis_app.__version__)
def main() -> None:
    """Test LLM applications and agents on your own machine."""


@main.command()
@click.option("--demo", is_flag=True, help="Make a demonstration project with finished runs, and print a link to it.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), help=DATA_HELP)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 32), help="Run workers.")
@click.option("--backup/--no-backup", default=True, help="Back up before the database is migrated [default: yes].")
def up(*, demo: bool, backup: bool, **chosen: Any) -> None:
    """Start everything on this machine: servers, migrations, web, workers."""
    from rhesis_app.infra.config import read_environment
    from rhesis_app.infra.up import COMMANDS, WITHOUT_BACKUP, UpOptions, run_up
    from rhesis_app.welcome import with_demo, with_first_link

    commands = COMMANDS if backup else WITHOUT_BACKUP
    options = UpOptions(environment=read_environment(), commands=commands, **chosen)
    sys.exit(run_up(with_demo(options) if demo else with_first_link(options)))


@main.command()
@click.option(
    "--queue", type=click.Choice(["runs", "jobs"]), default="runs", show_default=True, help="Which work to do."
)
@click.option("--burst", is_flag=True, help="End when nothing waits any more.")
def worker(*, queue: str, burst: bool) -> None:
    """Do the work of one queue until told to stop."""
    from rhesis_app.infra.start_check import PATIENCE_S
    from rhesis_app.worker import work

    work(_fit_host(patience_s=PATIENCE_S), queue, burst=burst)


@main.command()
@click.option("--once", is_flag=True, help="One round, then end.")
def sweep(*, once: bool) -> None:
    """Take care of runs that nobody drives; workers do this by themselves."""
    from rhesis_app.infra.start_check import PATIENCE_S
    from rhesis_app.retention.actions.keep import erase_what_is_old
    from rhesis_app.runs.actions.sweep import sweep as one_round
    from rhesis_app.worker import sweep_for_ever

    host = _fit_host(patience_s=0 if once else PATIENCE_S)
    if not once:
        sweep_for_ever(host.settings, host)
    click.echo(one_round(host))
    click.echo(erase_what_is_old(host))


@main.command()
@click.option("--backup", is_flag=True, help="Back up first, into the data directory, when there is something to do.")
def migrate(*, backup: bool) -> None:
    """Bring the database to this version's tables, policies and functions."""
    from alembic.util import CommandError

    from rhesis_app.infra.backup.failures import BackupError
    from rhesis_app.infra.backup.source import Installation
    from rhesis_app.infra.backup.take import back_up_before_migration
    from rhesis_app.infra.config import ConfigurationError, read_environment
    from rhesis_app.infra.migrate import database_owner_url
    from rhesis_app.infra.migrate import migrate as upgrade

    environment = read_environment()
    try:
        url = database_owner_url(environment)
        if backup:
            back_up_before_migration(Installation.at(url, environment), click.echo)
        upgrade(url)
    except BackupError as problem:
        advice = (
            "Nothing was migrated. To go on without a backup: `rhesis-app up --no-backup`, or `rhesis-app migrate`."
        )
        raise click.ClickException(f"No backup could be taken. {problem} {advice}") from problem
    except (ConfigurationError, CommandError) as problem:
        raise click.ClickException(str(problem)) from problem


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--data", type=click.Path(path_type=Path), help=DATA_HELP)
@click.option("--without-keys", is_flag=True, help="Leave out the keys that open stored credentials.")
def backup(file: Path, *, data: Path | None, without_keys: bool) -> None:
    """Write database and keys to FILE, also while an instance runs."""
    from rhesis_app.infra.backup.source import reachable
    from rhesis_app.infra.backup.take import summary, take_backup

    with _told(), reachable(_environment(data)) as installation:
        click.echo(summary(take_backup(installation, file.absolute(), keys=not without_keys), file))


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--data", type=click.Path(path_type=Path), help=DATA_HELP)
@click.option("--replace", is_flag=True, help="Replace what the database holds, after backing that up.")
def restore(file: Path, *, data: Path | None, replace: bool) -> None:
    """Bring back database and keys from FILE, while no instance runs."""
    from rhesis_app.infra.backup.restore import check_file, restore_backup
    from rhesis_app.infra.backup.source import resting

    with _told():
        check_file(file)
        with resting(_environment(data)) as installation:
            restore_backup(installation, file, replace=replace, say=click.echo)


@main.command("import-organization")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--owner", default="", help="Which owner gets the link to sign in [default: the first one].")
@click.option("--url", default="", help="Where this instance is reached, such as https://rhesis.example.org.")
def import_organization_command(file: Path, *, owner: str, url: str) -> None:
    """Bring an organization's archive FILE into an instance where nobody is yet."""
    from rhesis_app.kernel.errors import AppError
    from rhesis_app.retention.actions.bring_in import import_organization, link_for_owner

    host = _fit_host(running=True)
    try:
        imported = import_organization(host, file)
        click.echo(f"{imported.organization} is here: {sum(imported.rows.values()):,} rows.")
        if imported.secrets:
            click.echo(f"Secrets did not travel: enter those of {imported.secrets} endpoints and models again.")
        click.echo("Schedules are paused. Everybody chooses a password by a link, which Members offers.")
        email, path = link_for_owner(host, imported.organization_id, owner)
    except AppError as problem:
        raise click.ClickException(problem.detail) from problem
    click.echo(f"{email} signs in first, within half an hour: {url}{path}")


@main.command()
def doctor() -> None:
    """Check what this installation needs; exits with 1 when something is amiss."""
    from rhesis_app.infra.doctor import examine

    findings = list(examine(_host(running=True)))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.holds else 'FAIL'} {finding.title}")
        if not finding.holds:
            click.echo(f"     {finding.advice}")
    sys.exit(0 if all(finding.holds for finding in findings) else 1)


@main.command("first-link")
@click.option("--url", default="", help="Where this instance is reached, such as https://rhesis.example.org.")
def first_link(*, url: str) -> None:
    """Print the one-time link that makes the first owner."""
    from rhesis_app.auth.actions.first_start import make_first_start_link

    path = make_first_start_link(_fit_host(running=True))
    click.echo("Somebody is registered already: sign in." if path is None else f"first start: {url}{path}")


@main.command("create-owner")
@click.argument("email")
@click.option("--name", default="Owner", show_default=True)
@click.option("--organization", default="My organization", show_default=True)
@click.option(
    "--password", envvar="RHESIS_FIRST_OWNER_PASSWORD", prompt=True, hide_input=True, confirmation_prompt=True
)
def create_owner(email: str, *, name: str, organization: str, password: str) -> None:
    """Make an owner with an organization of their own, for machines without a browser."""
    from rhesis_app.auth.actions.first_start import NewAccount, found
    from rhesis_app.kernel.errors import AppError

    account = NewAccount(organization_name=organization, name=name, email=email, password=password)
    try:
        found(_fit_host(running=True), account)
    except AppError as problem:
        raise click.ClickException(problem.detail) from problem
    click.echo(f"{email} may sign in now.")


@main.command("reset-link")
@click.argument("email")
@click.option("--url", default="", help="Where this instance is reached, such as https://rhesis.example.org.")
def reset_link(email: str, *, url: str) -> None:
    """Print a one-time link by which EMAIL sets a new password, for half an hour."""
    from rhesis_app.auth.actions.reset import make_operators_link
    from rhesis_app.kernel.errors import AppError

    try:
        click.echo(f"{url}{make_operators_link(_fit_host(running=True), email)}")
    except AppError as problem:
        raise click.ClickException(problem.detail) from problem


@main.command(
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
    short_help="Check the seals of the audit log.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def audit(words: tuple[str, ...]) -> None:
    """Check the audit log; `audit --help` says more."""
    from rhesis_app.tenancy.cli import audit as group

    group.main(args=list(words), prog_name="rhesis-app audit", obj=lambda: _fit_host(running=True))


@main.command(
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
    short_help="Make or remove the demonstration.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def demo(words: tuple[str, ...]) -> None:
    """Make or remove the demonstration; `demo --help` says more."""
    from rhesis_app.demo.cli import demo as group

    group.main(args=list(words), prog_name="rhesis-app demo", obj=lambda: _fit_host(running=True))


@main.command(
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
    short_help="Run a test set on a server, for pipelines.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def run(words: tuple[str, ...]) -> None:
    """Run a test set on a server and exit as its gates decide; `run --help` says more."""
    from rhesis_app.runs.cli.command import run as command

    command.main(args=list(words), prog_name="rhesis-app run")


@main.command(
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
    short_help="Attack metrics that ask a model, for pipelines.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def judge(words: tuple[str, ...]) -> None:
    """Attack a metric's judge on a server; `judge --help` says more."""
    from rhesis_app.authoring.cli import judge as group

    group.main(args=list(words), prog_name="rhesis-app judge")


@main.command()
def openapi() -> None:
    """Print the API's OpenAPI document, as docs/openapi.json keeps it."""
    from rhesis_app.web.openapi import printed_document

    click.echo(printed_document(_app()))


@main.group()
def plugins() -> None:
    """Look at plugins."""


@plugins.command("check")
@click.argument("name")
def check_plugin_command(name: str) -> None:
    """Run the conformance kit on the plugin NAME (its entry point's name)."""
    import traceback
    from importlib.metadata import entry_points

    from rhesis_app.sdk.hookspecs import ENTRY_POINT_GROUP
    from rhesis_app.sdk.testing import check_plugin

    found = [point for point in entry_points(group=ENTRY_POINT_GROUP) if point.name == name]
    if not found:
        raise click.ClickException(f"No installed package offers a plugin named {name}.")
    try:
        plugin = found[0].load()
    except (Exception, SystemExit) as failure:
        told = "".join(traceback.format_exception(failure))  # whoever asks is the plugin's author
        raise click.ClickException(f"The plugin {name} cannot be imported.\n{told}") from failure
    try:
        kept = check_plugin(plugin, name=name)
    except AssertionError as problem:
        raise click.ClickException(str(problem)) from problem
    offers = ", ".join((*kept.evaluators, *kept.exporters, *kept.importers))
    click.echo(f"{name} keeps every promise, tried {kept.trials} times: {offers or 'it offers nothing'}")


def _environment(data: Path | None) -> dict[str, str]:
    """The environment, with the data directory that a command names."""
    from rhesis_app.infra.config import read_environment

    return read_environment() | ({"RHESIS_DATA": str(data)} if data else {})


@contextmanager
def _told() -> Iterator[None]:
    """What keeps a backup from being taken or restored is said in a line; told to stop, a command clears up first."""
    import signal

    from rhesis_app.infra.backup.failures import BackupError
    from rhesis_app.infra.config import ConfigurationError
    from rhesis_app.infra.embedded.failures import EmbeddedError

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    except (BackupError, ConfigurationError, EmbeddedError) as problem:
        raise click.ClickException(str(problem)) from problem


def _host(*, running: bool = False) -> "Runtime":
    """The runtime from the environment; with `running` an `up` on this machine's data directory is found as well."""
    host: Runtime = _app(running=running).extensions["rhesis"]
    return host


def _fit_host(*, running: bool = False, patience_s: float = 0) -> "Runtime":
    """The same, refused in one line where the database is not fit to be worked on."""
    from rhesis_app.infra.start_check import StartRefused

    host = _host(running=running)
    try:
        host.check_start(patience_s=patience_s)
    except StartRefused as problem:
        raise click.ClickException(str(problem)) from problem
    return host


def _app(*, running: bool = True) -> "Flask":
    from rhesis_app.app import create_app
    from rhesis_app.infra.config import ConfigurationError, read_environment, settings_from
    from rhesis_app.infra.up import environment_beside

    environment = read_environment()
    try:
        return create_app(settings_from(environment_beside(environment) if running else environment))
    except ConfigurationError as problem:
        raise click.ClickException(str(problem)) from problem


if __name__ == "__main__":
    main()
