"""The command itself: find, start, watch, decide, write files."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

import click

from rhesis_app.infra.remote import Away, Refused, Server
from rhesis_app.runs.cli.find import Found, Named, find
from rhesis_app.runs.cli.verdict import Exit, tests_of, verdict_of
from rhesis_app.runs.cli.watch import Progress, TooLong, await_report, watch
from rhesis_app.runs.rules.recordings import REPLAYS, Source

_REPORT_S = 300.0
_EPILOG = (
    "Exit status: 0 every gate passed · 1 a gate failed · 2 the call is wrong · 3 undecided · 4 could not run."
    " Without --gate all gates of the project decide; a project without gates is decided by the run's outcome."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command's options as they were given."""

    test_set: str
    endpoint: str
    gates: tuple[str, ...]
    metrics: tuple[str, ...]
    trials: int
    project: str | None
    source: str
    recording: str | None
    junit: Path | None
    markdown: Path | None
    url: str
    token: str
    key: str | None
    wait: bool
    timeout: float
    patience: float
    cancel_on_interrupt: bool
    cost_cap: str | None


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.option("--set", "test_set", required=True, metavar="NAME", help="Test set to run, by name or id.")
@click.option("--endpoint", required=True, metavar="NAME", help="Endpoint to ask, by name or id.")
@click.option("--gate", "gates", multiple=True, metavar="NAME", help="Gate that decides; give it again for another.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Metric that judges instead of the set's own.")
@click.option(
    "--trials", type=click.IntRange(1, 100), default=1, show_default=True, help="How often each test is asked."
)
@click.option("--project", metavar="NAME", help="Project, by name, slug or id; needed when the token reads several.")
@click.option(
    "--source",
    type=click.Choice([str(one) for one in Source]),
    default=str(Source.LIVE),
    show_default=True,
    help="Ask the endpoint, record its answers, or replay recorded ones.",
)
@click.option("--recording", metavar="RUN", help="Run whose recording is replayed, by number or id; else the latest.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write a JUnit report here.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Write a Markdown summary here.")
@click.option("--url", envvar="RHESIS_URL", required=True, show_envvar=True, help="Where the server is reached.")
@click.option("--token", envvar="RHESIS_TOKEN", required=True, show_envvar=True, help="An API token of the server.")
@click.option("--key", metavar="TEXT", help="Idempotency key: the same key attaches to the run it has started.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the run to end, or only start it.")
@click.option("--timeout", type=click.FloatRange(min=1), default=3600, show_default=True, help="Seconds to wait.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    help="Seconds to go on while the server does not answer, as during a restart.",
)
@click.option("--cost-cap", metavar="DOLLARS", help="Stop the run when its known cost has reached so many US dollars.")
@click.option("--cancel-on-interrupt", is_flag=True, help="Cancel the run on Ctrl-C; without it the run goes on.")
def run(**options: Any) -> None:
    """Run a test set against an endpoint on a Rhesis App server, and exit as its gates decide."""
    chosen = Options(**options)
    _check(chosen)
    progress = Progress()
    server = Server(chosen.url.rstrip("/"), chosen.token, chosen.patience, progress.say)
    signal.signal(signal.SIGTERM, _interrupt)  # as pipelines stop their steps
    try:
        sys.exit(_Pipeline(chosen, server, progress).go())
    except Refused as error:
        progress.say(f"refused: {error}")
        sys.exit(Exit.USAGE)
    except Away as error:
        progress.say(f"could not run: {error}")
        sys.exit(Exit.COULD_NOT_RUN)
    except KeyboardInterrupt:
        progress.say("Interrupted before a run was started.")
        sys.exit(Exit.COULD_NOT_RUN)


@dataclass(slots=True)
class _Pipeline:
    options: Options
    server: Server
    progress: Progress

    def go(self) -> Exit:
        """From names to an exit status."""
        found = find(self.server, self._named())
        started = self._start(found)
        link = f"{self.server.url}/p/{found.project_slug}/runs/{started['number']}"
        self.progress.say(f"run #{started['number']}: {tests_of(started)['planned']:,} tests, {link}")
        if not self.options.wait:
            click.echo(link)
            return Exit.PASSED
        try:
            return self._decide(self._watch(started), found, link)
        except TooLong:
            self.progress.say(f"could not run: not ended within {self.options.timeout:g} s. It goes on: {link}")
        except (Away, Refused) as error:
            self.progress.say(f"could not run: {error} The run may go on: {link}")
        except KeyboardInterrupt:
            self._interrupted(started, link)
        return Exit.COULD_NOT_RUN

    def _named(self) -> Named:
        chosen = self.options
        return Named(
            project=chosen.project,
            test_set=chosen.test_set,
            endpoint=chosen.endpoint,
            metrics=chosen.metrics,
            gates=chosen.gates,
            recording=chosen.recording,
        )

    def _start(self, found: Found) -> Mapping[str, Any]:
        body: dict[str, Any] = {"endpoint_id": found.endpoint_id, "metric_ids": list(found.metric_ids)}
        body |= {"trials": self.options.trials} if self.options.trials > 1 else {}
        body |= {"cost_cap": self.options.cost_cap} if self.options.cost_cap is not None else {}
        if self.options.source != Source.LIVE:
            body |= {"source": self.options.source, "recording_run_id": found.recording_id}
        key = self.options.key or f"cli-{uuid4()}"
        return self.server.post(f"/test-sets/{found.test_set_id}/runs", body, key=key)

    def _watch(self, started: Mapping[str, Any]) -> Mapping[str, Any]:
        return watch(self.server, started, self.progress, timeout_s=self.options.timeout)

    def _decide(self, ended: Mapping[str, Any], found: Found, link: str) -> Exit:
        verdict = verdict_of(ended, found.gate_ids)
        try:
            wrote = self._write_files(ended)
        except (Away, Refused, OSError) as error:
            self.progress.say(f"the run has ended, but a file could not be written: {error}")
            wrote = False
        for line in (*verdict.lines, link):
            click.echo(line)
        return Exit.COULD_NOT_RUN if verdict.status is Exit.PASSED and not wrote else verdict.status

    def _write_files(self, ended: Mapping[str, Any]) -> bool:
        """Whether all that was asked for is written."""
        if self.options.junit is not None:
            with self.options.junit.open("wb") as file:
                self.server.download(f"/test-runs/{ended['id']}/export", file, format="junit.xml")
        return self.options.markdown is None or self._write_markdown(ended, self.options.markdown)

    def _write_markdown(self, ended: Mapping[str, Any], path: Path) -> bool:
        made = self.server.post("/reports", {"run_id": ended["id"], "exporter": "markdown.run"})
        try:
            report = await_report(self.server, made["id"], timeout_s=_REPORT_S)
        except TooLong:
            report = {"status": "late", "error_detail": None}
        if report["status"] != "done":
            self.progress.say(f"the Markdown report was not written: {report['error_detail'] or report['status']}")
            return False
        with path.open("wb") as file:
            self.server.download(f"/reports/{made['id']}/file", file)
        return True

    def _interrupted(self, started: Mapping[str, Any], link: str) -> None:
        if not self.options.cancel_on_interrupt:
            self.progress.say(f"Interrupted. The run goes on: {link}")
            return
        self.server.patience_s = min(self.server.patience_s, 10)
        try:
            self.server.post(f"/test-runs/{started['id']}/cancel")
        except (Away, Refused) as error:
            self.progress.say(f"Interrupted, and the run could not be cancelled: {error} It may go on: {link}")
            return
        self.progress.say(f"Interrupted. The run is cancelled; what was answered is kept: {link}")


def _check(chosen: Options) -> None:
    """Refuse what makes no sense, and what could only fail after the run."""
    if chosen.recording is not None and chosen.source not in REPLAYS:
        raise click.UsageError("--recording: only a replay takes one. Add --source replay or --source replay-or-fail.")
    found = urlsplit(chosen.url)
    if found.scheme not in {"http", "https"} or not found.netloc:
        raise click.UsageError("--url: give an address such as https://rhesis.example.org.")
    if not chosen.token.strip() or not chosen.token.isascii() or not chosen.token.isprintable():
        raise click.UsageError("--token: give an API token, as Settings › API tokens shows it once.")
    for option, path in (("--junit", chosen.junit), ("--markdown", chosen.markdown)):
        if path is not None and not path.resolve().parent.is_dir():
            raise click.UsageError(f"{option}: there is no folder {path.parent}.")
        if path is not None and not chosen.wait:
            raise click.UsageError(f"{option}: there is nothing to write with --no-wait.")


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
