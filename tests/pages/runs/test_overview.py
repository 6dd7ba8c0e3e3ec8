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


def test_requirements_stand_over_the_runs_of_the_trend_with_their_counts(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        for failures in (2, 1):
            polite = [Given(requirement="Polite")] * 4
            right = [Given(requirement="Right", outcome="failed")] * failures + [Given(requirement="Right")] * 2
            made = make_run(
                scope, RunPlan(project_id=project.id), [*right, *polite, Given(requirement="Right", outcome="error")]
            )
    heat = overview(alice).split('class="table table--compact table--snug heat"')[1].split("</table>")[0]
    assert heat.index(">Right<") < heat.index(">Polite<"), "the worst of the last run comes first"
    assert '<span class="h5" title="2 / 4 passed, 1 left out">50</span>' in heat
    assert '<span class="h5" title="2 / 3 passed, 1 left out">67</span>' in heat
    assert "2 / 3, 1 left out" in heat
    failed = alice.api.get(f"/test-runs/{made.id}/results?outcome=failed").json[0]["id"]
    assert alice.api.post(f"/test-results/{failed}/reviews", {"verdict": "passed"}).status_code == 201
    assert '<span class="h0" title="3 / 3 passed, 1 left out">100</span>' in overview(alice), "a review counts at once"


def test_the_latest_runs_carry_the_badges_of_their_gates(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id), [Given()] * 15)
    assert "badge is-" not in overview(alice)
    rule = {"kind": "pass_rate", "at_least": 0.9}
    assert alice.api.post("/gates", {"project_id": str(project.id), "name": "Release", "rule": rule}).status_code == 201
    assert '<span title="Release: undecided"><span class="badge is-undecided">' in overview(alice)


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
