"""The form of a new run and the quick check."""

import re

from rhesis_app.authoring.models import Metric, TestSet
from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestRun
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person


def made_by(alice: Person, project: ProjectView, *results: Given) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), results or [Given(prompt=f"p{n}") for n in range(3)])


def shown(person: Person, address: str) -> str:
    answer = person.web.get(f"/p/support-copilot{address}")
    assert answer.status_code == 200, answer.text[:2000]
    return re.sub(r"[ \n\t]+", " ", answer.text)


def test_without_tests_the_page_leads_to_some(alice: Person, project: ProjectView) -> None:
    assert "There is no test set yet" in shown(alice, "/runs/new")
    assert "There is no endpoint yet" in shown(alice, "/quick-check")


def test_the_estimate_says_what_would_judge_and_what_would_not(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project, Given(expected=None), Given(), Given())
    page = shown(alice, f"/runs/new?test_set={made.test_set_id}")
    assert "3, one a test" in page
    assert "Nothing would judge the answers" in page
    metric = made.metric_ids["Contains the answer"]
    assert alice.api.patch(f"/test-sets/{made.test_set_id}", {"metric_ids": [str(metric)]}).status_code == 200
    page = shown(alice, f"/runs/new?test_set={made.test_set_id}")
    assert "The test set&#39;s own metrics" in page
    assert "1 of 3 tests has no expected answer: “Contains the answer” does not apply there." in page
    assert "2 / 3" in page


def test_a_start_goes_to_the_run_and_a_double_click_to_the_same(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project)
    page = shown(alice, f"/runs/new?test_set={made.test_set_id}")
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key
    form = {
        "key": key[1],
        "test_set": str(made.test_set_id),
        "endpoint": str(made.endpoint_id),
        "metric_ids": str(made.metric_ids["Contains the answer"]),
    }
    answers = [alice.web.post("/p/support-copilot/runs", form) for _ in range(2)]
    assert [answer.headers.get("Location") for answer in answers] == ["/p/support-copilot/runs/2"] * 2
    assert alice.count(TestRun) == 2
    assert "Queued" in shown(alice, "/runs/2")


def test_what_is_missing_is_said_and_what_was_chosen_stays(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project)
    form = {"key": "k", "test_set": str(made.test_set_id), "endpoint": str(made.endpoint_id)}
    answer = alice.web.post("/p/support-copilot/runs", form)
    assert answer.status_code == 422
    assert "No metric would judge this run." in answer.text
    assert f'value="{made.endpoint_id}" selected' in answer.text
    assert alice.web.post("/p/support-copilot/runs", {"test_set": str(made.test_set_id)}).status_code == 422
    assert alice.web.post("/p/support-copilot/runs", {}).status_code == 422
    assert alice.count(TestRun) == 1


def test_running_again_begins_with_the_same_choices(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project)
    again = re.search(r'href="/p/support-copilot(/runs/new\?[^"]+)"', shown(alice, "/runs/1"))
    assert again
    page = shown(alice, again[1].replace("&amp;", "&"))
    assert f'value="{made.endpoint_id}" selected' in page


def test_a_quick_check_needs_two_texts_and_gives_a_run_of_its_own(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project)
    form = {"key": "once", "endpoint": str(made.endpoint_id), "prompt": "Where is it?", "expected": "on its way"}
    answers = [alice.web.post("/p/support-copilot/quick-check", form) for _ in range(2)]
    assert [answer.headers.get("Location") for answer in answers] == ["/p/support-copilot/runs/2"] * 2
    page = shown(alice, "/runs/2")
    assert "Quick check 1" in page
    assert "Contains the expected answer" in page
    another = alice.web.post("/p/support-copilot/quick-check", {**form, "prompt": "And now?"})
    assert another.headers["Location"] == "/p/support-copilot/runs/3"
    assert alice.count(TestSet, name="Quick check 2") == 1
    assert alice.count(Metric, name="Contains the expected answer") == 1


def test_a_quick_check_keeps_what_was_typed(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project)
    form = {"endpoint": str(made.endpoint_id), "prompt": "Where is my parcel?", "expected": " "}
    answer = alice.web.post("/p/support-copilot/quick-check", form)
    assert answer.status_code == 422
    assert "Where is my parcel?" in answer.text
    assert "Write a word or a few" in answer.text
    assert alice.count(TestSet) == 1


def test_readers_and_strangers_start_nothing(alice: Person, bob: Person, charlie: Person, project: ProjectView) -> None:
    made = made_by(alice, project)
    form = {
        "test_set": str(made.test_set_id),
        "endpoint": str(made.endpoint_id),
        "metric_ids": str(made.metric_ids["Contains the answer"]),
        "prompt": "a",
        "expected": "b",
    }
    for address in ("runs", "quick-check"):
        assert bob.web.post(f"/p/support-copilot/{address}", form).status_code == 403
        assert charlie.web.post(f"/p/support-copilot/{address}", form).status_code == 404
    assert alice.count(TestRun) == 1


def test_checking_first_shows_what_was_found_and_starts_nothing(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project)
    form = {
        "test_set": str(made.test_set_id),
        "endpoint": str(made.endpoint_id),
        "metric_ids": str(made.metric_ids["Contains the answer"]),
    }
    answer = alice.web.post("/p/support-copilot/runs/check", form)
    assert answer.status_code == 200
    page = re.sub(r"[ \n\t]+", " ", answer.text)
    assert "“Release regression” has 3 tests." in page
    assert "first test got no answer" in page  # that endpoint's host does not exist
    assert "<dt>Calls</dt><dd>3</dd>" in page
    assert (
        "What the endpoint&#39;s own calls cost is not known: it has no prices, and its answers tell no cost." in page
    )
    assert alice.count(TestRun) == 1
    assert alice.web.post("/p/support-copilot/runs/check", {"test_set": form["test_set"]}).status_code == 422
