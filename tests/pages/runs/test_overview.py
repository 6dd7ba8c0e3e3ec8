"""The start of a project: steps while there is nothing, then how its runs go."""

import re

from sqlalchemy import update

from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import Organization
from tests.factories import Given, RunPlan, make_run
from tests.people import Person


def overview(person: Person) -> str:
    answer = person.web.get("/p/support-copilot/")
    assert answer.status_code == 200, answer.text[:2000]
    return re.sub(r"[ \n\t]+", " ", answer.text)


def test_a_new_project_leads_to_its_first_verdict(alice: Person, project: ProjectView) -> None:
    page = overview(alice)
    assert "Nothing has been tested yet" in page
    assert page.index("Connect an endpoint") < page.index("Quick check") < page.index("Import tests")
    assert page.count("is-done") == 0
    assert '<li aria-current="step"><h2>Connect your app' in page


def test_readers_see_the_steps_without_buttons(alice: Person, bob: Person, project: ProjectView) -> None:
    page = overview(bob)
    assert "Connect your app" in page
    assert "/endpoints/new" not in page


def test_after_a_first_run_what_comes_next_stands_below(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id, test_set="Quick check 1"), [Given()])
    page = overview(alice)
    assert "1 / 1 passed" in page
    assert "What comes next" in page
    assert page.count('class="is-done"') == 2
    assert '<li aria-current="step"><h2>Write or import tests' in page


def test_runs_of_one_set_make_a_trend_with_its_numbers(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        for failures in (3, 2, 1):
            results = [Given(outcome="failed")] * failures + [Given()] * 7 + [Given(outcome="error")]
            make_run(scope, RunPlan(project_id=project.id), results)
    page = overview(alice)
    assert "Pass rate of Release regression" in page
    assert page.count('class="dot--accent"') == 3
    assert "7 / 8" in page
    assert "87.5\u00a0%" in page
    assert "What comes next" not in page


def test_tests_that_never_ran_are_counted(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id), [Given(), Given()])
    made = alice.api.post("/tests", {"project_id": str(project.id), "prompt": "never asked"})
    assert made.status_code == 201, made.json
    page = overview(alice)
    assert "2 / 3 tests" in page
    assert "1 never run" in page


def test_an_own_project_has_no_demo_to_remove(alice: Person, project: ProjectView) -> None:
    assert "/demo/remove" not in overview(alice)


def test_a_demo_can_be_removed_from_its_overview(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(update(Organization).values(settings={"demo": True}))
    page = overview(alice)
    assert page.count('<form method="post" action="/demo/remove"') == 1, "in the dialog that asks first"
    assert 'commandfor="d-remove-demo" command="show-modal"' in page
    assert page.count('name="csrf_token"') >= 2
