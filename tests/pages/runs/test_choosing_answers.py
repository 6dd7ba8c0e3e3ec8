"""Recording and replaying from the form of a new run, and what the pages of such runs say."""

import re
from uuid import UUID

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestResult, TestRun
from tests.api.runs.test_run_sources import recording
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.jobs.runs.test_driving import answers_yes, drive
from tests.jobs.runs.world import make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint


def shown(person: Person, address: str) -> str:
    answer = person.web.get(address)
    assert answer.status_code == 200, answer.text[:2000]
    return re.sub(r"[ \n\t]+", " ", answer.text)


def form(made: MadeRun, **choices: str) -> dict[str, str]:
    metric_id = next(iter(made.metric_ids.values()))
    parts = {"key": "k", "test_set": str(made.test_set_id), "endpoint": str(made.endpoint_id)}
    return {**parts, "metric_ids": str(metric_id), **choices}


def test_the_form_offers_the_recordings_that_there_are(alice: Person, project: ProjectView) -> None:
    made = recording(alice, project.id)
    page = shown(alice, f"/p/support-copilot/runs/new?test_set={made.test_set_id}")
    assert re.search(r'name="source" value="live" checked', page)
    assert f'<option value="{made.id}">' in shown(alice, "/p/support-copilot/runs/new")
    assert f'<option value="{made.id}">#1, copilot-staging, ' in page
    assert '<details class="fold" open><summary>' not in page.split("Record or replay the answers")[0][-200:]


def test_without_a_recording_it_says_so(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id), [Given()])
    page = shown(alice, f"/p/support-copilot/runs/new?test_set={made.test_set_id}")
    assert "there is nothing to replay" in page
    refused = alice.web.post("/p/support-copilot/runs", form(made, source="replay"))
    assert refused.status_code == 422
    assert re.search(r'name="source" value="replay" checked', refused.text)
    assert "field-error" in refused.text
    assert alice.count(TestRun) == 1


def test_a_replay_is_started_and_what_was_chosen_stays_where_it_is_refused(alice: Person, project: ProjectView) -> None:
    made = recording(alice, project.id)
    live = alice.web.post("/p/support-copilot/runs", form(made)).headers["Location"]
    assert live.endswith("/runs/2")
    with alice.scope() as scope:
        live_id = scope.session.scalars(scope.select(TestRun.id).where(TestRun.number == 2)).one()
    refused = alice.web.post("/p/support-copilot/runs", form(made, source="replay", recording_run=str(live_id)))
    assert refused.status_code == 422
    assert "#2 recorded nothing." in refused.text
    chosen = form(made, source="replay-or-fail", recording_run=str(made.id))
    answers = [alice.web.post("/p/support-copilot/runs", chosen) for _ in range(2)]
    assert [answer.headers.get("Location") for answer in answers] == ["/p/support-copilot/runs/3"] * 2
    with alice.scope() as scope:
        run = scope.session.scalars(scope.select(TestRun).where(TestRun.number == 3)).one()
        assert (run.source, run.recording_run_id) == ("replay-or-fail", made.id)


def test_a_recording_that_is_left_over_from_another_choice_takes_no_part(alice: Person, project: ProjectView) -> None:
    made = recording(alice, project.id)
    answer = alice.web.post("/p/support-copilot/runs", form(made, source="record", recording_run=str(made.id)))
    assert answer.headers["Location"].endswith("/runs/2")


def test_an_unknown_source_is_refused(alice: Person, project: ProjectView) -> None:
    made = recording(alice, project.id)
    answer = alice.web.post("/p/support-copilot/runs", form(made, source="rewind"))
    assert answer.status_code == 422
    assert "Choose one of live, record, replay, replay-or-fail." in answer.text


@pytest.mark.parametrize(("source", "calls"), [("replay-or-fail", 0), ("replay", 1)])
def test_checking_first_calls_nobody_for_a_run_that_never_asks(alice: Person, source: str, calls: int) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, [("Question", "yes")])
        slug = _slug(alice, world.project_id)
        sent = {"key": "k", "test_set": str(world.test_set_id), "endpoint": str(world.endpoint_id), "source": source}
        assert alice.web.post(f"/p/{slug}/runs/check", sent).status_code == 200
        assert server.count == calls


def test_pages_say_where_the_answers_come_from(alice: Person) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, [("Question", "yes"), ("Another", "yes")])
        first = world.start(source="record")
        drive(world, first)
        second = world.start(source="replay-or-fail")
        drive(world, second)
    slug = _slug(alice, world.project_id)
    with alice.scope() as scope:
        result_id = scope.session.scalars(scope.select(TestResult.id).where(TestResult.run_id == second).limit(1)).one()
    assert "<span>Recorded</span>" in shown(alice, f"/p/{slug}/runs/1")
    assert f'2 replayed from <a href="/p/{slug}/runs/1">#1</a></span>' in shown(alice, f"/p/{slug}/runs/2")
    listed = shown(alice, f"/p/{slug}/runs")
    assert "v1, replay of #1" in listed
    assert "v1, recorded" in listed
    result = shown(alice, f"/p/{slug}/runs/2/results/{result_id}")
    assert f'<a href="/p/{slug}/runs/1">replayed from #1</a>' in result
    assert "Request that was answered" in result
    again = re.search(r'href="(/p/[^"]+/runs/new\?[^"]+)"', shown(alice, f"/p/{slug}/runs/2"))
    assert again
    assert re.search(r'name="source" value="replay-or-fail" checked', shown(alice, again[1].replace("&amp;", "&")))


def _slug(person: Person, project_id: UUID) -> str:
    return str(dict(person.api.get(f"/projects/{project_id}").json or {})["slug"])
