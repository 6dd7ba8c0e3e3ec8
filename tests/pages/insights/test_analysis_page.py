"""The page of what a run's failures share."""

import re

import pytest

from examples.scripted_model.server import ScriptedModel
from rhesis_app.projects.queries import ProjectView
from tests.api.insights.test_analyses import connect, given
from tests.background import do_jobs
from tests.factories import Given, RunPlan, make_run
from tests.people import Person

PATH = "/p/support-copilot/runs/1/analysis"


@pytest.fixture
def made(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id), given())


def test_it_is_asked_for_watched_and_read(alice: Person, bob: Person, made: None) -> None:
    assert f'href="{PATH}"' in alice.web.get("/p/support-copilot/runs/1").text
    assert "Nobody has looked yet" in alice.web.get(PATH).text
    assert alice.web.get(f"{PATH}/progress").status_code == 404
    assert "Look what they share" not in bob.web.get(PATH).text
    assert bob.web.post(PATH).status_code == 403
    assert alice.web.post(PATH).headers["Location"] == PATH
    page = alice.web.get(PATH).text
    assert "Waiting for a worker" in page
    watching = re.findall(r'hx-get="([^"]+)"', page)[0].replace("&amp;", "&")
    assert alice.web.get(watching).status_code == 204
    do_jobs(alice)
    fragment = alice.web.get(watching).text
    assert fragment.lstrip().startswith('<div id="analysis"')
    assert "hx-get" not in fragment
    assert "6 of 26 tests with a verdict failed; 1 trait marks them" in fragment
    assert "language = de" in fragment
    assert "Stands out" in fragment
    assert "… is missing." in fragment
    assert alice.web.get(re.findall(r'href="([^"]+/results/[^"]+)"', fragment)[0]).status_code == 200
    assert "Look again" in alice.web.get(PATH).text


def test_a_run_that_goes_on_says_when(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id, is_finished=False), [Given(), Given(outcome="pending")])
    assert "The run is still going on" in alice.web.get(PATH).text
    assert alice.web.post(PATH).status_code == 409


def test_a_run_without_failures_says_so(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id), [Given()] * 4)
    alice.web.post(PATH)
    do_jobs(alice)
    assert "0 of 4 tests with a verdict failed." in alice.web.get(PATH).text


def test_a_model_is_offered_by_its_name_and_its_words_are_marked(
    alice: Person, bob: Person, project: ProjectView, made: None
) -> None:
    assert 'name="with_model"' not in alice.web.get(PATH).text, "there is none to ask"
    with ScriptedModel() as model:
        connect(alice, project, model.url)
        assert "Look, and let Namer name the groups" in alice.web.get(PATH).text
        assert 'name="with_model"' not in bob.web.get(PATH).text
        assert alice.web.post(PATH, {"with_model": "1"}).status_code == 303
        do_jobs(alice)
    page = alice.web.get(PATH).text
    named = page.split('id="h-named"')[1]
    assert "In a model’s words" in named
    assert "A model wrote this" in named
    assert re.search(r'href="[^"]+/results/[^"]+">1</a>', named)
    assert "Look again and let Namer name the groups" in page
