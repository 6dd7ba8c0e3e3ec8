"""`rhesis-app run` as a pipeline calls it, against a server that really runs: what it prints, writes and exits with."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from tests.e2e.conftest import (
    EMAIL,
    PASSWORD,
    Instance,
    free_port,
    make_owner,
    start_instance,
    stop_instance,
)
from tests.e2e.http_api import HttpApi
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

CONTAINS = {"name": "Contains it", "evaluator": "text.contains", "params": {}}
MANY = [(f"Question {number}", "yes") for number in range(29)]


@dataclass
class Pipeline:
    """A project on a server with an endpoint, a metric and test sets, and the command that runs them."""

    instance: Instance
    api: HttpApi
    token: str
    project: Mapping[str, Any]
    metric: str

    def test_set(self, name: str, tests: list[tuple[str, str]]) -> None:
        contents = [{"prompt": prompt, "expected": expected} for prompt, expected in tests]
        self.api.make("/test-sets", project_id=self.project["id"], name=name, tests=contents, metric_ids=[self.metric])

    def gate(self, name: str, **rule: Any) -> None:
        self.api.make("/gates", project_id=self.project["id"], name=name, rule={"kind": "pass_rate", **rule})

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "rhesis_app.cli", "run", "--project", self.project["name"], *words]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RHESIS_", "DATABASE_"))}
        return {**kept, "RHESIS_URL": self.instance.url, "RHESIS_TOKEN": self.token}

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(*words), env=self.environment(), capture_output=True, text=True, timeout=90, check=False
        )

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*words),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def runs(self) -> list[Any]:
        return list(self.api.get(f"/test-runs?project_id={self.project['id']}"))


def make_pipeline(instance: Instance, name: str, url: str, **endpoint: Any) -> Pipeline:
    api = HttpApi(instance.url)
    api.sign_in(EMAIL, PASSWORD)
    token = api.make("/tokens", name=name, scopes=SCOPES, expires_in_days=7)["token"]
    project = api.make("/projects", name=name)
    api.make(
        "/endpoints",
        project_id=project["id"],
        name="bot",
        url=url,
        request_template={"message": "{{ input }}"},
        **{"response_mapping": {"output": "$.reply"}, **endpoint},
    )
    metric = api.make("/metrics", project_id=project["id"], **CONTAINS)["id"]
    return Pipeline(instance=instance, api=api, token=token, project=project, metric=metric)


SCOPES = [
    "project:read",
    "test_set:read",
    "endpoint:read",
    "metric:read",
    "run:read",
    "run:execute",
    "run:cancel",
    "report:create",
]


def answer(call: Call) -> Reply:
    """Refuses what says refuse, is slow where it says slow, else agrees."""
    if b"refuse" in call.body:
        return Reply(status=404)
    return json_reply({"reply": "yes"}, delay_s=0.3 if b"slow" in call.body else 0)


@pytest.fixture(scope="module")
def app() -> Iterator[ScriptedEndpoint]:
    """The application under test."""
    with ScriptedEndpoint(answer) as server:
        yield server


@pytest.fixture(scope="module")
def pipeline(owned: Instance, app: ScriptedEndpoint) -> Pipeline:
    """A project with test sets for every ending."""
    made = make_pipeline(owned, "Pipeline", app.url, max_concurrency=4)
    made.test_set("Good", MANY)
    made.test_set("Bad", [("Is it?", "yes"), ("Is it not?", "never said")])
    made.test_set("Few", MANY[:5])
    made.test_set("Refused", [("refuse me", "yes")])
    made.test_set("Slow", [(f"slow {number}", "yes") for number in range(40)])
    return made


@pytest.mark.timeout(180)
def test_without_a_gate_the_outcome_decides(pipeline: Pipeline, tmp_path: Path) -> None:
    junit, markdown = tmp_path / "junit.xml", tmp_path / "summary.md"
    words = ("--endpoint", "bot", "--junit", str(junit), "--markdown", str(markdown))
    passed = pipeline.run("--set", "Good", *words)
    assert passed.returncode == 0, passed.stderr
    lines = passed.stdout.splitlines()
    assert lines[0] == "29 / 29 passed"
    assert lines[1] == "pass rate 100.0 %, 95 % interval [88.3, 100.0]"
    assert lines[-1] == f"{pipeline.instance.url}/p/pipeline/runs/{pipeline.runs()[0]['number']}"
    assert junit.exists()
    assert "29 / 29 passed" in markdown.read_text("utf-8")

    failed = pipeline.run("--set", "Bad", *words)
    assert failed.returncode == 1
    assert failed.stdout.startswith("1 / 2 passed\n")
    suites = list(JUnitXml.fromfile(str(junit)))
    assert [(suite.tests, suite.failures, suite.errors) for suite in suites] == [(2, 1, 0)]
    text = markdown.read_text("utf-8")
    assert "1 / 2 passed" in text
    assert "Is it not?" in text


@pytest.mark.timeout(180)
def test_gates_decide_and_say_why(owned: Instance, app: ScriptedEndpoint) -> None:
    pipeline = make_pipeline(owned, "Gated", app.url)
    pipeline.test_set("Good", MANY)
    pipeline.test_set("Few", MANY[:5])
    pipeline.gate("Strict", at_least=0.9)
    pipeline.gate("Lenient", at_least=0.1)
    certified = pipeline.run("--set", "Good", "--endpoint", "bot", "--gate", "Strict")
    assert certified.returncode == 0, certified.stderr
    assert "gate passed: Strict (≥ 90 % at 95 %). 29 of 29 passed" in certified.stdout
    assert "Lenient" not in certified.stdout
    too_few = pipeline.run("--set", "Few", "--endpoint", "bot", "--gate", "strict", "--gate", "Lenient")
    assert too_few.returncode == 3
    assert "gate undecided: Strict" in too_few.stdout
    assert "more at this rate" in too_few.stdout
    pipeline.test_set("Mostly bad", [("Is it?", "yes"), *((f"No {number}", "never said") for number in range(9))])
    failed = pipeline.run("--set", "Mostly bad", "--endpoint", "bot")
    assert failed.returncode == 1
    assert "gate failed: Strict" in failed.stdout
    assert "Lenient" in failed.stdout  # without --gate all of them decide


@pytest.mark.timeout(180)
def test_a_recorded_run_is_repeated_without_a_call(owned: Instance, app: ScriptedEndpoint) -> None:
    pipeline = make_pipeline(owned, "Recorded", app.url)
    pipeline.test_set("Good", MANY)
    words = ("--set", "Good", "--endpoint", "bot")
    recorded = pipeline.run(*words, "--source", "record")
    assert recorded.returncode == 0, recorded.stderr
    asked, number = app.count, pipeline.runs()[0]["number"]
    replayed = pipeline.run(*words, "--source", "replay-or-fail", "--recording", str(number))
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.splitlines()[0] == "29 / 29 passed"
    assert app.count == asked
    run = pipeline.runs()[0]
    assert (run["recording_number"], run["answers"]) == (number, {"replayed": 29, "asked": 0})
    by_id = pipeline.run(*words, "--source", "replay", "--recording", run["id"], "--no-wait")
    assert by_id.returncode == 0, by_id.stderr


@pytest.mark.timeout(120)
def test_what_cannot_run_is_not_called_failed(pipeline: Pipeline) -> None:
    refused = pipeline.run("--set", "Refused", "--endpoint", "bot")
    assert refused.returncode == 4
    assert refused.stdout.startswith("0 / 0 passed · 1 error\n")
    away = pipeline.run(
        "--set", "Good", "--endpoint", "bot", "--url", f"http://127.0.0.1:{free_port()}", "--patience", "1"
    )
    assert away.returncode == 4
    assert "does not answer" in away.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "Nothing", "--endpoint", "bot"), "there is no test set “Nothing” in this project. There are: "),
        (("--set", "Good", "--endpoint", "bot", "--gate", "Nothing"), "--gate: there is no gate “Nothing”"),
        (("--set", "Good", "--endpoint", "bot", "--token", "rhx_nonsense"), "refused: The credential is missing"),
        (("--set", "Good", "--endpoint", "bot", "--junit", "no/such/folder/j.xml"), "--junit: there is no folder"),
        (("--set", "Good"), "Missing option '--endpoint'"),
        (("--set", "Good", "--endpoint", "bot", "--recording", "1"), "--recording: only a replay takes one."),
        (
            ("--set", "Good", "--endpoint", "bot", "--source", "replay", "--recording", "#999"),
            "--recording: there is no run #999 in this project.",
        ),
        (("--set", "Slow", "--endpoint", "bot", "--source", "replay"), "refused: "),
        (("--set", "Good", "--endpoint", "bot", "--url", "rhesis.example.org"), "--url: give an address such as"),
    ],
)
def test_a_wrong_call_starts_nothing(pipeline: Pipeline, words: tuple[str, ...], said: str) -> None:
    before = len(pipeline.runs())
    wrong = pipeline.run(*words)
    assert (wrong.returncode, said in wrong.stderr) == (2, True), wrong.stderr
    assert len(pipeline.runs()) == before


@pytest.mark.timeout(120)
def test_a_cap_stops_a_run_and_is_refused_where_nothing_can_be_counted(owned: Instance, pipeline: Pipeline) -> None:
    refused = pipeline.run("--set", "Good", "--endpoint", "bot", "--cost-cap", "5")
    assert refused.returncode == 2
    assert "cannot be known, so no cap can stop it" in refused.stderr
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes", "usd": 0.01})) as billed:
        mapping = {"output": "$.reply", "cost": "$.usd"}
        capped = make_pipeline(owned, "Capped", billed.url, max_concurrency=2, response_mapping=mapping)
        capped.test_set("Good", MANY)
        ended = capped.run("--set", "Good", "--endpoint", "bot", "--cost-cap", "0.05")
        asked = len(billed.calls)
    assert 5 <= asked <= 7
    assert f"stopped at its cost cap of $0.05: {29 - asked} of 29 tests not asked" in ended.stdout
    assert ended.returncode == 3, ended.stdout


def test_an_interrupted_run_goes_on_unless_told_otherwise(pipeline: Pipeline) -> None:
    for words, said, ends in (
        ((), "Interrupted. The run goes on: ", "completed"),
        (("--cancel-on-interrupt",), "Interrupted. The run is cancelled", "cancelled"),
    ):
        going = pipeline.begin("--set", "Slow", "--endpoint", "bot", *words)
        assert going.stderr is not None
        assert going.stderr.readline().startswith("run #")
        run = pipeline.runs()[0]
        going.send_signal(signal.SIGINT)
        _, told = going.communicate(timeout=30)
        assert (going.returncode, said in told) == (4, True), told
        assert pipeline.api.finished(run["id"])["status"] == ends


@pytest.mark.timeout(120)
def test_the_same_key_attaches_to_the_run_it_started(pipeline: Pipeline) -> None:
    words = ("--set", "Few", "--endpoint", "bot", "--key", "build-7")
    first = pipeline.run(*words, "--no-wait")
    assert (first.returncode, first.stdout.strip()) == (
        0,
        f"{pipeline.instance.url}/p/pipeline/runs/{pipeline.runs()[0]['number']}",
    )
    count = len(pipeline.runs())
    again = pipeline.run(*words)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, first.stdout.strip())
    assert len(pipeline.runs()) == count
    other = pipeline.run("--set", "Few", "--endpoint", "bot", "--key", "build-7", "--metric", "Contains it")
    assert (other.returncode, "used for another request" in other.stderr) == (2, True)


@pytest.mark.timeout(240)
def test_a_restart_of_the_server_is_waited_for_and_nothing_starts_twice(
    tmp_path_factory: pytest.TempPathFactory, app: ScriptedEndpoint
) -> None:
    data, port = tmp_path_factory.mktemp("restarted") / "data", free_port()
    instance = start_instance(data, port=port)
    instance.printed(r"ready (\S+)", 90)
    make_owner(instance)
    pipeline = make_pipeline(instance, "Restarted", app.url, max_concurrency=2)
    pipeline.test_set("Slow", [(f"slow {number}", "yes") for number in range(30)])
    going = pipeline.begin("--set", "Slow", "--endpoint", "bot")
    try:
        assert going.stderr is not None
        assert going.stderr.readline().startswith("run #1: 30 tests")
        time.sleep(1)
        stop_instance(instance)
        instance = start_instance(data, port=port)
        instance.printed(r"ready (\S+)", 90)
        said, told = going.communicate(timeout=120)
        assert "does not answer" in told
        assert (going.returncode, said.splitlines()[0]) == (0, "30 / 30 passed"), told
        assert len(pipeline.runs()) == 1
    finally:
        going.kill()
        stop_instance(instance)


def test_help_is_quick_to_come() -> None:
    """Counted in modules, not in seconds: no database, web or queue library is imported for it."""
    code = (
        "import sys; from rhesis_app.runs.cli import command;"
        " print([name for name in ('flask', 'sqlalchemy', 'rq', 'redis', 'marshmallow', 'psycopg2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
