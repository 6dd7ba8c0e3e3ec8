"""Trials on pages: asked for in the form, shown as strips, narrowed to what is flaky, asked again."""

import re

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.jobs.runs.world import World, make_world
from tests.pages.forms_in import forms_in
from tests.pages.runs.test_run_page import shown
from tests.people import Person

GIVEN = (
    Given(prompt="steady", more=("passed", "passed")),
    Given(prompt="flaky", more=("failed", "passed")),
    Given(prompt="wrong", outcome="failed", more=("failed", "failed")),
)


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), GIVEN)


def prompts(page: str) -> list[str]:
    return re.findall(r'hx-swap="innerHTML">(.*?)</a></td>', page)


def test_a_run_shows_each_test_with_its_trials_and_how_alike_they_were(alice: Person, made: MadeRun) -> None:
    page = shown(alice, "/runs/1")
    assert "3 tests, 9 trials of" in page
    assert "2 / 3 passed" in page
    assert "2 of 3 tests answered alike in all trials · pass^3 0.33 · pass@3 0.67" in page
    assert "A test passes when more than half of its trials pass." in page
    assert 'aria-label="Trials in order: passed, failed, passed"' in page
    assert "2 of 3 passed" in page
    assert prompts(page) == ["wrong", "steady", "flaky"]


@pytest.mark.parametrize(
    ("query", "found"), [("flaky=1", ["flaky"]), ("outcome=failed", ["wrong"]), ("q=stead", ["steady"]), ("q=none", [])]
)
def test_the_tests_are_narrowed(alice: Person, made: MadeRun, query: str, found: list[str]) -> None:
    assert prompts(shown(alice, f"/runs/1?{query}")) == found


def test_the_menu_offers_what_there_is(alice: Person, bob: Person, project: ProjectView, made: MadeRun) -> None:
    page = shown(alice, "/runs/1")
    assert ("Re-run all 3 tests" in page, "Re-run 1 failed" in page, "Re-run 1 flaky" in page) == (True, True, True)
    assert "Re-run 1 flaky" not in shown(bob, "/runs/1")
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id), [Given()])
    assert "flaky" not in shown(alice, "/runs/2")


def test_one_result_names_its_trial_and_links_the_others(alice: Person, made: MadeRun) -> None:
    page = shown(alice, f"/runs/1/results/{made.result_ids[4]}")
    assert "test 2, trial 2" in page
    chips = page.split('aria-label="Trials of this test"')[1].split("</nav>")[0]
    assert [chips.count(f"/results/{made.result_ids[place]}") for place in (3, 4, 5)] == [1, 1, 1]


def test_while_it_goes_on_answers_are_shown_as_they_come(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        given = [Given(prompt="open", more=("failed", "pending"))]
        make_run(scope, RunPlan(project_id=project.id, is_finished=False), given)
    page = shown(alice, "/runs/1")
    assert "Results as they come" in page
    assert "trial 2" in page
    assert "2 <small>of 3" in page
    assert prompts(shown(alice, "/runs/1?flaky=1")) == ["open"]


@pytest.fixture
def world(alice: Person) -> World:
    return make_world(alice, "http://127.0.0.1:9", [("a", "x"), ("b", "x")])


def slug_of(world: World) -> str:
    return str(world.ask("SELECT slug FROM project WHERE id = :id", id=world.project_id)[0].slug)


def start(alice: Person, world: World, status: int, **changes: str) -> str:
    address = f"/p/{slug_of(world)}/runs/new?test_set={world.test_set_id}"
    form = next(one for one in forms_in(alice.web.get(address).text) if one.method == "post" and "/runs" in one.action)
    answer = alice.web.post(form.action, form.fields | changes)
    assert answer.status_code == status, answer.text[:2000]
    return answer.text


def test_the_form_starts_a_run_with_trials(alice: Person, world: World) -> None:
    start(alice, world, 303, trials="3", reducer="at_least", k="2")
    run = world.ask("SELECT planned, test_count, trials, config FROM test_run")[0]
    assert (run.planned, run.test_count, run.trials) == (6, 2, 3)
    assert run.config["reducer"] == {"name": "at_least", "k": 2}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": "many"}, "Give a whole number."),
        ({"trials": "0"}, "Ask each test from 1 to 100 times."),
        ({"trials": "2", "reducer": "at_least"}, "Say how many trials must pass"),
        ({"trials": "2", "reducer": "at_least", "k": "3"}, "Of 2 trials at least 3 can never pass"),
        ({"trials": "2", "reducer": "best"}, "Choose one of majority, all, any, at_least."),
    ],
)
def test_what_is_wrong_stands_at_its_field_with_what_was_typed(
    alice: Person, world: World, changes: dict[str, str], said: str
) -> None:
    page = start(alice, world, 422, **changes)
    assert said in page
    assert f'value="{changes["trials"]}"' in page
    assert world.ask("SELECT count(*) FROM test_run")[0][0] == 0


def test_run_again_keeps_the_trials(alice: Person, made: MadeRun) -> None:
    assert "trials=3&amp;reducer=majority" in shown(alice, "/runs/1")
