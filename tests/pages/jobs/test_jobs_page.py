"""The page of background work."""

import re

import pytest
from sqlalchemy import Engine, text

from rhesis_app.projects.queries import ProjectView
from tests.background import do_jobs
from tests.factories import Given, RunPlan, make_run
from tests.people import Person

PATH = "/settings/jobs"


@pytest.fixture
def asked(alice: Person, project: ProjectView) -> str:
    """The id of a job of Alice's."""
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id), [Given()])
    return str(alice.api.post("/reports", {"run_id": str(run.id), "exporter": "json.run"}).json["job_id"])


def test_nothing_done_yet_says_what_would_stand_here(alice: Person) -> None:
    page = alice.web.get(PATH).text
    assert "Nothing has been done in the background yet" in page
    assert 'href="/settings/jobs" aria-current="page"' in page


def test_a_job_is_watched_until_it_is_done(alice: Person, asked: str) -> None:
    page = alice.web.get(PATH).text
    assert "Queued" in page
    assert "Support Copilot" in page
    assert "Alice" in page
    watching = re.findall(r'hx-get="([^"]+)"', page)[0].replace("&amp;", "&")
    assert alice.web.get(watching).status_code == 204
    do_jobs(alice)
    fragment = alice.web.get(watching).text
    assert fragment.lstrip().startswith('<section id="jobs"')
    assert "Done" in fragment
    assert "hx-get" not in fragment


def test_it_is_cancelled_by_who_may(alice: Person, bob: Person, asked: str) -> None:
    assert "/cancel" not in bob.web.get(PATH).text
    assert bob.web.post(f"{PATH}/{asked}/cancel").status_code == 403
    assert alice.web.post(f"{PATH}/{asked}/cancel").status_code == 303
    page = alice.web.get(PATH).text
    assert "Cancelled" in page
    assert "/cancel" not in page


def test_what_failed_says_why_and_when_it_is_tried_again(alice: Person, asked: str, superuser: Engine) -> None:
    with superuser.connect() as connection:
        connection.execute(
            text(
                "UPDATE job SET attempt = 1, not_before = now() + interval '40 s', error_detail = 'The mail server is away.'"
            )
        )
    page = alice.web.get(PATH).text
    assert "The mail server is away." in page
    assert "Tried 1 of 3" in page


def test_states_are_filtered_by_the_address(alice: Person, asked: str) -> None:
    assert "Nothing like that" in alice.web.get(f"{PATH}?status=done").text
    assert "Queued" in alice.web.get(f"{PATH}?status=queued").text
    assert "Queued" in alice.web.get(f"{PATH}?status=odd").text
