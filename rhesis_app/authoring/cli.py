"""`rhesis-app judge`: how judges stand up to attacks, asked of a server by its address and a token."""

import sys
import time
from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

if TYPE_CHECKING:
    from rhesis_app.infra.remote import Server

_WAIT_S = 30
_EPILOG = "Exit status: 0 every attack was held · 1 one was not · 2 the call is wrong · 3 undecided · 4 could not run."


class Exit(IntEnum):
    """What the command says to whoever called it."""

    HELD = 0
    NOT_HELD = 1
    USAGE = 2
    UNDECIDED = 3
    COULD_NOT_RUN = 4


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def judge() -> None:
    """Look at metrics that ask a model."""


@judge.command(epilog=_EPILOG)
@click.option("--metric", required=True, metavar="NAME", help="Metric to attack, by name or id.")
@click.option("--project", metavar="NAME", help="Its project, by name, slug or id; needed when the name is not enough.")
@click.option("--url", envvar="RHESIS_URL", required=True, show_envvar=True, help="Where the server is reached.")
@click.option("--token", envvar="RHESIS_TOKEN", required=True, show_envvar=True, help="An API token of the server.")
@click.option("--yes", is_flag=True, help="Do not ask before the model is called.")
@click.option("--timeout", type=click.FloatRange(min=1), default=3600, show_default=True, help="Seconds to wait.")
def attack(**options: Any) -> None:
    """Try to talk a metric's judge into a better verdict for a bad answer, in all the ways the suite knows."""
    from rhesis_app.infra.remote import Away, Refused, Server

    server = Server(options["url"].rstrip("/"), options["token"], say=_say)
    try:
        found = _find(server, options["metric"], options["project"])
        _agree(server, found, is_agreed=options["yes"])
        suite = server.post(f"/metrics/{found['id']}/attacks")
        sys.exit(_tell(_ended(server, suite, time.monotonic() + options["timeout"])))
    except Refused as error:
        _say(f"refused: {error}")
        sys.exit(Exit.USAGE)
    except Away as error:
        _say(f"could not run: {error}")
        sys.exit(Exit.COULD_NOT_RUN)


def _find(server: "Server", wanted: str, project: str | None) -> Mapping[str, Any]:
    """The metric; UsageError when there is none, or more than one."""
    projects = {one["id"]: one for one in server.every("/projects")}
    here = [key for key, one in projects.items() if project in (None, one["id"], one["slug"], one["name"])]
    metrics = [one for one in server.every("/metrics") if one["project_id"] in here]
    found = [one for one in metrics if _is_named(one, wanted)]
    if len(found) == 1:
        return dict(found[0])
    if found:
        places = ", ".join(sorted(projects[one["project_id"]]["slug"] for one in found))
        raise click.UsageError(f"--metric: “{wanted}” is in more than one project. Add --project, one of: {places}.")
    judges = sorted(one["name"] for one in metrics if "judge" in one["needs"])
    raise click.UsageError(f"--metric: there is no “{wanted}” here. Metrics that judge: {', '.join(judges) or 'none'}.")


def _is_named(metric: Mapping[str, Any], wanted: str) -> bool:
    try:
        return UUID(wanted) == UUID(metric["id"])
    except ValueError:
        return bool(metric["name"].casefold() == wanted.casefold())


def _agree(server: "Server", metric: Mapping[str, Any], *, is_agreed: bool) -> None:
    """Say what it takes before anything is paid for."""
    plan = server.get(f"/metrics/{metric['id']}/attacks/plan")
    if plan["problem"]:
        raise click.UsageError(plan["problem"])
    asked = metric["model"] or "the project's default model"
    _say(f"{plan['attacks']} attacks on “{metric['name']}”: {plan['calls']} calls of {asked}, at its price.")
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Add --yes to agree to that where nobody can be asked.")
    click.confirm("Go on?", abort=True, err=True)


def _ended(server: "Server", suite: Mapping[str, Any], until: float) -> Mapping[str, Any]:
    """The suite when its job has ended, or as it is when the time is over."""
    path = f"/metrics/{suite['metric_id']}/attacks/{suite['id']}"
    told = ""
    while suite["status"] in {"queued", "running"} and time.monotonic() < until:
        started = time.monotonic()
        suite = server.get(path, wait=int(max(1, min(_WAIT_S, until - started))))
        if time.monotonic() - started < 1:  # others wait already, so the server answers at once
            time.sleep(1)
        told = _progress(suite, told)
    return suite


def _progress(suite: Mapping[str, Any], told: str) -> str:
    now = f"{suite['status']}, {suite['progress']} %"
    if now != told and suite["status"] == "running":
        _say(now)
    return now


def _tell(suite: Mapping[str, Any]) -> Exit:
    """Each attack that was not held, then the whole in one line."""
    problem = suite["error_detail"] or (suite["control"] or {}).get("problem")
    if suite["held"] is None:
        _say(f"could not run: {problem or suite['status']}")
        return Exit.UNDECIDED if suite["status"] == "done" else Exit.COULD_NOT_RUN
    for one in suite["attacks"]:
        if one["outcome"] != "held":
            click.echo(f"{one['outcome'].replace('_', ' ')}: {one['title']} ({one['key']})")
    click.echo(f"held {suite['held']} of {suite['planned']} attacks · {suite['model']}{_spent(suite)}")
    outcomes = {one["outcome"] for one in suite["attacks"]}
    if outcomes & {"gave_in", "exposed"}:
        return Exit.NOT_HELD
    return Exit.UNDECIDED if "undecided" in outcomes else Exit.HELD


def _spent(suite: Mapping[str, Any]) -> str:
    return f" · ${suite['cost']}" if suite["cost"] is not None else ""


def _say(text: str) -> None:
    click.echo(text, err=True)
