"""A plugin that somebody else made: installed as its README says, offered, and judging a run; a broken one beside it stops nothing."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.e2e.conftest import EMAIL, PASSWORD, Instance, make_owner, running
from tests.e2e.http_api import HttpApi, make_run
from tests.nginx import Front
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

TEMPLATE = Path(__file__).parents[2] / "examples/plugin-template"
BROKEN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "rhesis-plugin-broken"
version = "0.3"

[project.entry-points."rhesis_app.plugins.v1"]
broken = "rhesis_plugin_broken"
"""
WORDS = "the password is hunter2"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Both packages, built and installed by an installer, in a directory that only these processes look into."""
    folder = tmp_path_factory.mktemp("plugins")
    broken = folder / "broken"
    (broken / "rhesis_plugin_broken").mkdir(parents=True)
    (broken / "pyproject.toml").write_text(BROKEN)
    (broken / "rhesis_plugin_broken/__init__.py").write_text(f'raise RuntimeError("{WORDS}")\n')
    installer = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        "--no-build-isolation",
    ]
    where = ["--python", sys.executable, "--target", str(folder / "site")]
    subprocess.run([*installer, *where, str(TEMPLATE), str(broken)], check=True)
    return {"PYTHONPATH": str(folder / "site")}


@pytest.fixture(scope="module")
def plugged(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Instance]:
    """An instance that finds both, with an owner."""
    with running(tmp_path_factory.mktemp("plugged") / "data", env=environment) as started:
        make_owner(started)
        yield started


@pytest.fixture
def api(plugged: Instance) -> HttpApi:
    asked = HttpApi(plugged.url)
    asked.sign_in(EMAIL, PASSWORD)
    return asked


def page(instance: Instance, path: str) -> str:
    """What Ada sees."""
    browser = Front(int(instance.url.rpartition(":")[2]))
    form = urlencode({"email": EMAIL, "password": PASSWORD}).encode()
    signed_in = browser.ask("/login", {"Content-Type": "application/x-www-form-urlencoded"}, form)[1]
    status, _, body = browser.ask(path, {"Cookie": signed_in["set-cookie"].partition(";")[0]})
    assert status == 200, body
    return body.decode()


def answers(call: Call) -> Reply:
    polite = call.json["message"].startswith("Kind")
    return json_reply({"reply": "Thank you, glad to help!" if polite else "No."})


def test_its_evaluator_is_offered_and_judges_a_run(plugged: Instance, api: HttpApi) -> None:
    offered = {one["key"]: one for one in api.get("/evaluators")}
    assert offered["template.politeness"]["title"] == "Politeness"
    with ScriptedEndpoint(answers) as endpoint:
        metric = {"name": "Polite", "evaluator": "template.politeness", "params": {"enough": 2}}
        run_id = make_run(api, endpoint.url, [("Kind one", ""), ("Short one", "")], metric=metric)
        run = api.finished(run_id)
    assert (run["totals"]["passed"], run["totals"]["failed"]) == (1, 1)
    for row in api.get(f"/test-runs/{run_id}/results"):
        (judged,) = api.get(f"/test-results/{row['id']}")["evaluations"]
        polite = row["prompt"].startswith("Kind")
        assert (judged["verdict"], judged["score"]) == (("passed", 1.0) if polite else ("failed", 0.0))
        assert "of 2 courtesies" in judged["reason"]
    assert "Politeness" in page(plugged, "/p/under-test/metrics/new")
    form = page(plugged, "/p/under-test/metrics/new?evaluator=template.politeness")
    assert "What counts as courtesy, one phrase per line." in form


def test_the_broken_one_is_listed_with_its_error_and_without_its_words(plugged: Instance, api: HttpApi) -> None:
    listed = {one["name"]: one for one in api.get("/plugins")}
    template = listed["template"]
    assert (template["distribution"], template["version"]) == ("rhesis-plugin-template", "0.1.0")
    assert template["error"] is None
    assert [one["key"] for one in template["offers"]] == ["template.politeness"]
    broken = listed["broken"]
    assert (broken["distribution"], broken["version"], broken["offers"]) == ("rhesis-plugin-broken", "0.3", [])
    assert broken["error"] == "RuntimeError while loading. The log has the details."
    shown = page(plugged, "/settings/plugins")
    assert broken["error"] in shown
    assert "Politeness" in shown
    assert WORDS not in json.dumps(listed) + shown
    assert WORDS in plugged.log.read_text("utf-8")


def test_the_conformance_kit_checks_it_by_name(environment: dict[str, str]) -> None:
    def check(name: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "rhesis_app.cli", "plugins", "check", name]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)

    good, broken = check("template"), check("broken")
    assert good.returncode == 0, good.stderr
    assert re.fullmatch(r"template keeps every promise, tried \d+ times: template\.politeness\n", good.stdout)
    assert broken.returncode == 1
    assert broken.stderr.startswith("Error: The plugin broken cannot be imported.")
    assert WORDS in broken.stderr  # its author is the one who asks
