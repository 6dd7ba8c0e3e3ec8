"""Trying a judge on the page of its metric, with text or with a stored result."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from rhesis_app.authoring.models import Metric
from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.judges import CRITERIA, JudgedProject, judged
from tests.pages.metrics.test_metric_pages import words
from tests.people import Person

HERE = "/p/support-copilot/metrics"
RUBRIC = {
    "evaluator": "judge.rubric",
    "params.criteria": CRITERIA["criteria"],
    "params.low": "1",
    "params.high": "5",
    "rule.comparison": "at_least",
    "rule.bound": "4",
}


@pytest.fixture
def world(alice: Person, project: ProjectView) -> Iterator[JudgedProject]:
    with judged(alice, project) as made:
        yield made


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    results = [Given(prompt=f"Question {n}?", output=f"Answer {n}: 30 days.", requirement=None) for n in range(3)]
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), results)


def test_a_judge_is_tried_on_text_with_tokens_and_cost(world: JudgedProject) -> None:
    answer = world.person.web.post(f"{HERE}/try", {**RUBRIC, "sample.output": "You have 30 days."})
    shown = words(answer)
    assert answer.status_code == 200
    assert "Passed" in shown
    assert "It has everything that was wanted." in shown
    assert "quote You have 30 days." in shown
    assert "Judged by scripted" in shown
    assert ", $0.0" in shown
    assert "What the judge said" in shown
    assert world.person.count(Metric) == 0


def test_a_stored_result_is_taken_and_tried(world: JudgedProject, made: MadeRun) -> None:
    web = world.person.web
    form = web.get(f"{HERE}/new?evaluator=judge.rubric").text
    assert "#1, test 1: Question 0?" in form
    chosen = str(made.result_ids[1])
    loaded = web.post(f"{HERE}/try", {**RUBRIC, "load": "1", "stored": chosen})
    assert "Answer 1: 30 days." in loaded.text
    assert f'name="sample.result_id" value="{chosen}"' in loaded.text
    assert CRITERIA["criteria"] in loaded.text
    assert world.model.calls == []
    sent = {**RUBRIC, "sample.result_id": chosen, "sample.prompt": "Question 1?", "sample.output": "Answer 1: 30 days."}
    assert "Passed" in words(web.post(f"{HERE}/try", sent))


def test_from_a_result_to_a_metric(world: JudgedProject, made: MadeRun) -> None:
    web, result = world.person.web, made.result_ids[2]
    metric = world.metric()
    page = web.get(f"/p/support-copilot/runs/1/results/{result}").text
    assert f'href="{HERE}/new?result={result}"' in page
    choose = web.get(f"{HERE}/new?result={result}").text
    assert f'href="{HERE}/new?evaluator=judge.rubric&amp;result={result}"' in choose
    assert f'href="{HERE}/{metric}/edit?result={result}"' in choose
    for path in (f"{HERE}/new?evaluator=judge.rubric&result={result}", f"{HERE}/{metric}/edit?result={result}"):
        assert "Answer 2: 30 days." in web.get(path).text


@pytest.mark.parametrize(
    "path", ["new?result={}", "new?evaluator=judge.rubric&result={}", "new?evaluator=text.contains&result={}"]
)
def test_a_result_that_is_not_there_is_not_found(world: JudgedProject, path: str) -> None:
    assert world.person.web.get(f"{HERE}/{path.format(new_id())}").status_code == 404


def test_made_up_results_in_the_form_are_refused(world: JudgedProject) -> None:
    for extra in ({"load": "1", "stored": str(new_id())}, {"sample.result_id": str(new_id()), "sample.output": "x"}):
        answer = world.person.web.post(f"{HERE}/try", {**RUBRIC, **extra})
        assert answer.status_code == 404
    assert world.model.calls == []


def test_the_judge_is_chosen_and_kept(world: JudgedProject) -> None:
    web = world.person.web
    form = web.get(f"{HERE}/new?evaluator=judge.rubric").text
    assert "The project&#39;s default (Scripted, scripted)" in form
    assert 'name="model_id"' not in web.get(f"{HERE}/new?evaluator=text.contains").text
    made = web.post(HERE, {**RUBRIC, "name": "Mine", "model_id": world.model_id})
    assert made.status_code == 303
    (metric,) = world.person.api.get("/metrics").json
    assert metric["model_id"] == world.model_id
    assert f'<option value="{world.model_id}" selected>' in web.get(f"{HERE}/{metric['id']}/edit").text
    web.post(f"{HERE}/{metric['id']}", {**RUBRIC, "name": "Mine", "model_id": "", "etag": metric["etag"]})
    assert world.person.api.get(f"/metrics/{metric['id']}").json["model_id"] is None
    wrong = web.post(HERE, {**RUBRIC, "name": "Other", "model_id": "nonsense"})
    assert (wrong.status_code, "Choose a model of this project that is not archived." in words(wrong)) == (422, True)


def test_labels_are_named_in_the_settings_and_passed_by_lines(world: JudgedProject) -> None:
    web = world.person.web
    sent = {
        "evaluator": "judge.labels",
        "name": "Tone",
        "params.criteria": "Which tone?",
        "params.labels": "warm\nplain\ncold",
        "rule.labels": "warm\r\nplain\r\n",
    }
    assert web.post(HERE, sent).status_code == 303
    (metric,) = world.person.api.get("/metrics").json
    assert metric["rule"] == {"labels": ["warm", "plain"]}
    assert metric["scale"] == {"kind": "labels", "names": ["warm", "plain", "cold"], "passing": ["warm"]}
    assert "warm\nplain</textarea>" in web.get(f"{HERE}/{metric['id']}/edit").text
    first = {**sent, "rule.labels": "", "etag": metric["etag"]}
    assert web.post(f"{HERE}/{metric['id']}", first).status_code == 303
    changed = world.person.api.get(f"/metrics/{metric['id']}").json
    assert changed["rule"] == {"labels": ["warm"]}
    stray = web.post(f"{HERE}/{metric['id']}", {**sent, "rule.labels": "hot", "etag": changed["etag"]})
    assert (stray.status_code, "some of: warm, plain, cold" in words(stray)) == (422, True)


def test_a_threshold_is_held_against_the_scale_that_was_typed(world: JudgedProject) -> None:
    web = world.person.web
    form = web.get(f"{HERE}/new?evaluator=judge.rubric").text
    assert "On the scale that is set above." in form
    wide = web.post(HERE, {**RUBRIC, "name": "Wide", "params.high": "10", "rule.bound": "8"})
    assert wide.status_code == 303
    narrow = web.post(HERE, {**RUBRIC, "name": "Narrow", "rule.bound": "8"})
    assert (narrow.status_code, "within 1 to 5" in words(narrow)) == (422, True)


def test_a_viewer_is_not_invited_to_try(made: MadeRun, bob: Person) -> None:
    page = bob.web.get(f"/p/support-copilot/runs/1/results/{made.result_ids[0]}")
    assert "Try a metric" not in page.text


def test_statements_of_the_form_stay_within_the_budget(
    world: JudgedProject, made: MadeRun, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    metric, result, web = world.metric(), made.result_ids[0], world.person.web
    for path in (
        f"new?evaluator=judge.rubric&result={result}",
        f"{metric}/edit?result={result}",
        f"new?result={result}",
    ):
        with statements() as seen:
            assert web.get(f"{HERE}/{path}").status_code == 200
        assert len(seen) <= 8, seen
