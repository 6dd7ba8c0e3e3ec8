"""Values that pass every check of ours and that the database cannot take: 4xx, and nothing of them in an error's text."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from rhesis_app.infra.runtime import Runtime
from rhesis_app.projects.models import Project
from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, RunPlan, make_run
from tests.people import Person


@pytest.mark.parametrize("value", ["half\x00", "half\ud800"])
def test_a_text_that_the_driver_cannot_send_is_a_refused_value(host: Runtime, value: str) -> None:
    with host.engine.connect() as connection, pytest.raises(DataError):
        connection.execute(text("SELECT length(:value)"), {"value": value})


def test_an_error_of_the_database_does_not_carry_the_values_that_were_sent(host: Runtime) -> None:
    with host.engine.connect() as connection, pytest.raises(DataError) as failure:
        connection.execute(text("SELECT 1 / 0 WHERE :value <> ''"), {"value": "a-secret-value"})
    assert "a-secret-value" not in str(failure.value)


def test_a_search_for_nul_is_bad_input(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id), [Given()])
    answer = alice.api.get(f"/test-runs/{run.id}/results?q=%00")
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    page = alice.web.get(f"/p/{project.slug}/runs/{run.number}?q=%00")
    assert page.status_code == 422


@pytest.mark.parametrize(
    "path", ["/p/%00/", "/p/%00/endpoints", "/p/{slug}/runs/{huge}", "/p/{slug}/runs/2147483648/progress"]
)
def test_an_address_that_no_row_can_have_is_not_found(alice: Person, project: ProjectView, path: str) -> None:
    address = path.format(slug=project.slug, huge="9" * 30)
    assert alice.web.get(address).status_code == 404


def test_an_address_that_no_row_has_is_not_found(alice: Person, project: ProjectView) -> None:
    assert alice.web.get(f"/p/{project.slug}/runs/2147483647").status_code == 404
    assert alice.api.get(f"/test-runs/{uuid4()}").status_code == 404


def test_a_name_that_cannot_be_stored_is_said_at_its_field(alice: Person, project: ProjectView) -> None:
    said = "The name holds a character that cannot be stored."
    assert said in alice.web.post("/projects", {"name": "a\x00b"}, follow_redirects=True).text
    assert said in alice.web.post(f"/p/{project.slug}/endpoints", {"name": "a\x00b"}).text
    assert alice.count(Project) == 1
