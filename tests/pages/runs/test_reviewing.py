"""Reviewing in the drawer and on a result's page."""

from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, RunPlan, make_run
from tests.people import Person

PANEL = {"HX-Request": "true"}


def address_of(alice: Person, project: ProjectView, outcome: str = "failed") -> str:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id), [Given(outcome=outcome), Given(prompt="two")])
    return f"/p/support-copilot/runs/1/results/{made.result_ids[0]}"


def test_the_drawer_comes_back_with_the_verdict_and_the_list_is_told(alice: Person, project: ProjectView) -> None:
    address = address_of(alice, project)
    answer = alice.web.post(f"{address}/reviews", {"verdict": "passed", "comment": "Fine <i>so</i>."}, headers=PANEL)
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (200, "reviewed")
    assert "the metrics found failed" in answer.text
    assert "Fine &lt;i&gt;so" in answer.text
    assert "2 / 2 passed" in alice.web.get("/p/support-copilot/runs/1").text


def test_without_script_it_is_a_form_and_a_redirect(alice: Person, project: ProjectView) -> None:
    address = address_of(alice, project)
    answer = alice.web.post(f"{address}/reviews?outcome=failed", {"verdict": "passed"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{address}?outcome=failed")
    page = alice.web.get(address).text
    assert "Your verdict is kept: passed." in page
    assert "/withdraw" in page


def test_withdrawing_from_the_page(alice: Person, project: ProjectView) -> None:
    address = address_of(alice, project)
    alice.web.post(f"{address}/reviews", {"verdict": "passed"})
    page = alice.web.get(address).text
    form = next(part for part in page.split('action="') if "/withdraw" in part.split('"')[0]).split('"')[0]
    assert alice.web.post(form).status_code == 303
    assert "1 / 2 passed" in alice.web.get("/p/support-copilot/runs/1").text


def test_a_refusal_stands_in_the_drawer(alice: Person, project: ProjectView) -> None:
    address = address_of(alice, project)
    answer = alice.web.post(f"{address}/reviews", {"verdict": "maybe"}, headers=PANEL)
    assert answer.status_code == 422
    assert "Choose passed or failed." in answer.text


def test_a_result_without_an_answer_offers_no_review(alice: Person, project: ProjectView) -> None:
    page = alice.web.get(address_of(alice, project, "error")).text
    assert "There is no answer to review." in page
    assert 'name="verdict"' not in page


def test_a_viewer_sees_no_form(alice: Person, bob: Person, project: ProjectView) -> None:
    page = bob.web.get(address_of(alice, project)).text
    assert "Nobody has reviewed this result." in page
    assert 'name="verdict"' not in page
