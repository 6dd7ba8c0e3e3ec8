"""From a run's page to a re-run or a re-score of it, and back."""

import re

from sqlalchemy import text

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestRun, WorkItem
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

PATH = "/p/support-copilot/runs"
RESULTS = (Given(prompt="one"), Given(prompt="two", outcome="failed"), Given(prompt="three", outcome="error"))


def ended(alice: Person, project: ProjectView, *results: Given) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), results or RESULTS)


def shown(person: Person, address: str, status: int = 200) -> str:
    answer = person.web.get(f"{PATH}{address}")
    assert answer.status_code == status, answer.text[:2000]
    return re.sub(r"[ \n\t]+", " ", answer.text)


def key_in(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


def test_the_menu_offers_what_there_is_to_run_again(alice: Person, bob: Person, project: ProjectView) -> None:
    ended(alice, project)
    ended(alice, project, Given())
    first, second = shown(alice, "/1"), shown(alice, "/2")
    for words in ("Re-run all 3 tests", "Re-run 1 failed", "Re-run 1 error", "Re-score…"):
        assert words in first
    assert "Re-run all 1 test" in second
    assert "failed</button>" not in second
    assert "Re-run" not in shown(bob, "/1")


def test_a_rerun_of_what_failed_says_what_it_is_and_its_parent_leads_there(alice: Person, project: ProjectView) -> None:
    ended(alice, project)
    form = {"only": "failed", "key": key_in(shown(alice, "/1"))}
    answers = [alice.web.post(f"{PATH}/1/rerun", form) for _ in range(2)]
    assert [answer.headers["Location"] for answer in answers] == [f"{PATH}/2"] * 2
    assert alice.count(TestRun) == 2
    child = shown(alice, "/2")
    assert "Re-run of #1: only the tests that failed in #1. It has chosen tests only, so its rate says nothing" in child
    assert f'<a href="{PATH}/1">Open #1</a>' in child
    parent = shown(alice, "/1")
    assert f'<a href="{PATH}/2">#2 Re-run of failed tests</a>' in parent
    assert "Queued" in parent
    assert "re-run of #1" in shown(alice, "")


def test_a_run_with_nothing_to_repeat_says_so(alice: Person, project: ProjectView) -> None:
    ended(alice, project, Given())
    assert alice.web.post(f"{PATH}/1/rerun", {"only": "failed"}).headers["Location"] == f"{PATH}/1"
    assert "No test failed in #1, so there is nothing to run again." in shown(alice, "/1")
    assert alice.count(TestRun) == 1


def test_a_score_by_other_metrics_says_how_many_answers_and_that_nobody_is_called(
    alice: Person, project: ProjectView
) -> None:
    made = ended(alice, project)
    page = shown(alice, "/1/rescore")
    assert "<dt>Answers</dt><dd>2</dd>" in page
    assert "<dt>Calls of the endpoint</dt><dd>0</dd>" in page
    assert "<dt>Stay errors</dt><dd>1</dd>" in page
    metric = str(made.metric_ids["Contains the answer"])
    form = {"by": "others", "metric_ids": metric, "key": key_in(page)}
    answers = [alice.web.post(f"{PATH}/1/rescore", form) for _ in range(2)]
    assert [answer.headers["Location"] for answer in answers] == [f"{PATH}/2"] * 2
    assert alice.count(WorkItem, endpoint_id=None) == 3
    assert "Re-score of #1: its answers, judged again without a call." in shown(alice, "/2")
    assert f'<a href="{PATH}/2">#2 Re-score</a>' in shown(alice, "/1")


def test_other_metrics_need_a_tick(alice: Person, project: ProjectView) -> None:
    ended(alice, project)
    answer = alice.web.post(f"{PATH}/1/rescore", {"by": "others"})
    assert (answer.status_code, "Tick at least one metric." in answer.text) == (422, True)
    assert alice.count(TestRun) == 1


def test_where_there_is_nothing_to_score_the_page_says_so(alice: Person, project: ProjectView) -> None:
    ended(alice, project, Given(outcome="error"))
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id, is_finished=False), [Given(outcome="pending")])
    assert "There are no answers to score" in shown(alice, "/1/rescore")
    assert "The run is still going on" in shown(alice, "/2/rescore")


def test_an_ended_child_offers_the_comparison_with_its_parent(alice: Person, project: ProjectView) -> None:
    made = ended(alice, project)
    with alice.scope() as scope:
        plan = RunPlan(project_id=project.id, same_tests=True, kind="rescore", parent_run_id=made.id)
        make_run(scope, plan, RESULTS)
    link = "/p/support-copilot/compare?baseline=1&amp;candidate=2"
    assert link in shown(alice, "/2")
    parent = shown(alice, "/1")
    assert link in parent
    assert "1 / 2 passed, 50.0" in parent


def test_readers_and_strangers_start_nothing(alice: Person, bob: Person, charlie: Person, project: ProjectView) -> None:
    ended(alice, project)
    for verb in ("rerun", "rescore"):
        assert bob.web.post(f"{PATH}/1/{verb}").status_code == 403
        assert charlie.web.post(f"{PATH}/1/{verb}").status_code == 404
    assert bob.web.get(f"{PATH}/1/rescore").status_code == 403
    assert alice.count(TestRun) == 1


def test_a_run_of_chosen_tests_stands_beside_the_run_it_came_of(alice: Person, project: ProjectView) -> None:
    made = ended(alice, project)
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id, same_tests=True), RESULTS)
        plan = RunPlan(
            project_id=project.id,
            same_tests=True,
            kind="rerun",
            parent_run_id=made.id,
            chosen_by="failed",
            config={"chosen_from": 1},
        )
        make_run(scope, plan, RESULTS[1:2])
    assert "baseline=1&amp;candidate=3" in shown(alice, "/3/against")


def test_reports_say_where_a_run_comes_from(alice: Person, project: ProjectView) -> None:
    made = ended(alice, project)
    with alice.scope() as scope:
        plan = RunPlan(
            project_id=project.id,
            same_tests=True,
            kind="rerun",
            parent_run_id=made.id,
            chosen_by="failed",
            config={"chosen_from": 1},
        )
        child = make_run(scope, plan, RESULTS[1:2])
    text = alice.api.get(f"/test-runs/{child.id}/export?format=html.run").text
    assert "Re-run of #1: only the tests that failed in #1. It has chosen tests only" in text


def test_a_pause_of_the_endpoint_holds_up_no_score(alice: Person, project: ProjectView) -> None:
    made = ended(alice, project)
    with alice.scope() as scope:
        kinds = ("run", "rescore")
        for kind in kinds:
            parent = None if kind == "run" else made.id
            plan = RunPlan(project_id=project.id, kind=kind, parent_run_id=parent, is_finished=False)
            make_run(scope, plan, [Given(outcome="pending")])
        with scope.atomic() as session:
            session.execute(text("UPDATE endpoint_throttle SET paused_until = now() + interval '1 minute'"))
    assert ["asks for a pause" in shown(alice, f"/{number}") for number in (2, 3)] == [True, False]


def test_a_scored_result_says_which_run_got_its_answer(alice: Person, project: ProjectView) -> None:
    made = ended(alice, project)
    with alice.scope() as scope:
        plan = RunPlan(
            project_id=project.id, same_tests=True, kind="rescore", parent_run_id=made.id, config={"answers_of": 1}
        )
        child = make_run(scope, plan, RESULTS)
    assert alice.api.get(f"/test-results/{child.result_ids[0]}").json["answer_of"] == 1
    assert alice.api.get(f"/test-results/{made.result_ids[0]}").json["answer_of"] is None
    assert f'<a href="{PATH}/1">answered in #1</a>' in shown(alice, f"/2/results/{child.result_ids[0]}")
