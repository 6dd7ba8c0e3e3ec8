"""The buttons that retry errors, pause a run and let it go on, and what the pages say of it."""

import re

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestRun
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.test_retrying_errors import TESTS, Recovering, retry
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint

PATH = "/p/support-copilot/runs"
ENDED = (Given(prompt="one"), Given(prompt="two", outcome="error"), Given(prompt="three", outcome="error"))
GOING = (Given(prompt="one"), Given(prompt="two", outcome="pending"))


def run_of(alice: Person, project: ProjectView, *results: Given, **plan: object) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, **plan), results)  # type: ignore[arg-type]


def shown(person: Person, address: str) -> str:
    answer = person.web.get(address if address.startswith("/p/") else f"{PATH}{address}")
    assert answer.status_code == 200, answer.text[:2000]
    return re.sub(r"[ \n\t]+", " ", answer.text)


def test_the_button_is_there_where_there_are_errors_and_starts_one_retry(
    alice: Person, bob: Person, project: ProjectView
) -> None:
    run_of(alice, project, *ENDED)
    run_of(alice, project, Given())
    page = shown(alice, "/1")
    assert "Retry 2 errors</button>" in page
    assert "Retry" not in shown(alice, "/2")
    assert "Retry" not in shown(bob, "/1")
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    answers = [alice.web.post(f"{PATH}/1/retry-errors", {"key": key[1]}) for _ in range(2)]
    assert [answer.headers["Location"] for answer in answers] == [f"{PATH}/1"] * 2
    assert alice.count(TestRun) == 3
    page = shown(alice, "/1")
    assert "asks 2 errors of this run again: 2 to go." in page
    assert f'<a href="{PATH}/3">#3 Retry of errors</a>' in page
    assert "Retry 2 errors" not in page
    child = shown(alice, "/3")
    assert "takes its error&#39;s place in #1." in child
    assert "retry of #1" in shown(alice, "")


def test_a_page_watches_a_retry_until_it_has_ended_and_then_draws_itself_anew(
    alice: Person, project: ProjectView
) -> None:
    run_of(alice, project, *ENDED)
    alice.web.post(f"{PATH}/1/retry-errors")
    page = shown(alice, "/1")
    address = re.search(r'hx-get="([^"]+/retrying[^"]+)"', page)
    assert address
    assert alice.web.get(address[1]).status_code == 204
    alice.web.post(f"{PATH}/2/pause")
    news = alice.web.get(address[1])
    assert ("2 to go, paused" in news.text, news.headers.get("HX-Trigger")) == (True, None)
    alice.web.post(f"{PATH}/2/cancel")
    ended = alice.web.get(address[1])
    assert (ended.headers["HX-Trigger"], "every 2s" in ended.text) == ("reviewed", False)
    assert "Retry 2 errors" in shown(alice, "/1")


def test_a_second_retry_is_refused_in_words(alice: Person, project: ProjectView) -> None:
    run_of(alice, project, *ENDED)
    for _ in range(2):
        assert alice.web.post(f"{PATH}/1/retry-errors").headers["Location"] == f"{PATH}/1"
    assert "#2 is retrying the errors of #1 already." in shown(alice, "/1")
    assert alice.count(TestRun) == 2


def recovered(alice: Person) -> tuple[World, str]:
    """A run one of whose two errors was answered by its retry; and where its pages are."""
    script = Recovering(1, 2)
    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, TESTS)
        run_id = world.start()
        drive(world, run_id)
        script.refused = {2}
        drive(world, retry(world, run_id))
    return world, f"/p/{world.ask('SELECT slug FROM project')[0].slug}/runs"


def test_the_result_page_shows_the_answer_and_the_first_try(alice: Person) -> None:
    world, home = recovered(alice)
    replaced = world.ask("SELECT result_id, answer_id FROM replacement")[0]
    page = shown(alice, f"{home}/1")
    assert "Answered by a retry, in place of an error" in page
    assert page.count("answered by a retry</span>") == 1
    assert "Retry 1 error</button>" in page
    result = shown(alice, f"{home}/1/results/{replaced.result_id}")
    first = f'First try: http 4xx, 1 attempt, replaced by <a href="{home}/2/results/{replaced.answer_id}">#2</a>.'
    assert first in result
    assert "yes to 1" in result
    assert "Kept beside what the metrics found" in result
    answer = shown(alice, f"{home}/2/results/{replaced.answer_id}")
    assert "This answer takes the place of an error of #1." in answer
    assert f'href="{home}/1/results/{replaced.result_id}"' in answer
    assert "Kept beside what the metrics found" not in answer
    child = shown(alice, f"{home}/2")
    assert "Compare with" not in child
    assert 'id="against"' not in child


def test_a_run_is_paused_and_goes_on_from_its_page(alice: Person, bob: Person, project: ProjectView) -> None:
    run_of(alice, project, *GOING, is_finished=False)
    assert "Pause</button>" in shown(alice, "/1")
    assert "Pause</button>" not in shown(bob, "/1")
    assert alice.web.post(f"{PATH}/1/pause").headers["Location"] == f"{PATH}/1"
    page = shown(alice, "/1")
    assert re.search(r"Paused by [^,]+, a moment ago: 1 test is left\.", page)
    assert "Resume</button>" in page
    assert "Pause</button>" not in page
    assert "Paused at 1 of 2" in shown(alice, "")
    alice.web.post(f"{PATH}/1/resume")
    assert "Pause</button>" in shown(alice, "/1")


def test_what_has_ended_meanwhile_is_said(alice: Person, project: ProjectView) -> None:
    run_of(alice, project, Given())
    alice.web.post(f"{PATH}/1/pause")
    assert "#1 has ended, so there is nothing to pause." in shown(alice, "/1")


def test_readers_and_strangers_change_nothing(
    alice: Person, bob: Person, charlie: Person, project: ProjectView
) -> None:
    run_of(alice, project, *ENDED)
    run_of(alice, project, *GOING, is_finished=False)
    for path in ("/1/retry-errors", "/2/pause", "/2/resume"):
        assert bob.web.post(f"{PATH}{path}").status_code == 403
        assert charlie.web.post(f"{PATH}{path}").status_code == 404
    assert alice.count(TestRun) == 2
