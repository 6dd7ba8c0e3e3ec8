"""The page of a judge's attacks, and what a metric's own page says of them."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from rhesis_app.projects.queries import ProjectView
from tests.background import do_jobs
from tests.judges import JudgedProject, judged
from tests.pages.metrics.test_metric_pages import words
from tests.people import Person


@pytest.fixture
def world(alice: Person, project: ProjectView) -> Iterator[JudgedProject]:
    with judged(alice, project) as made:
        yield made


def test_attacks_are_announced_with_their_calls_started_watched_and_read(world: JudgedProject) -> None:
    alice, metric = world.person, world.metric()
    page, path = f"/p/support-copilot/metrics/{metric}", f"/p/support-copilot/metrics/{metric}/attacks"
    assert "Nobody has tried yet" in words(alice.web.get(page))
    assert f'href="{path}"' in alice.web.get(page).text
    before = alice.web.get(path).text
    assert "Nobody has attacked it yet" in before
    assert re.search(r"This makes \d\d calls of the project", before)
    assert alice.web.post(path).headers["Location"] == path
    waiting = alice.web.get(path).text
    assert "Waiting for a worker" in waiting
    assert "Waiting for a worker" in words(alice.web.get(page))
    watching = re.findall(r'hx-get="([^"]+)"', waiting)[0].replace("&amp;", "&")
    assert alice.web.get(watching).status_code == 204
    do_jobs(alice)
    fragment = alice.web.get(watching).text
    assert fragment.lstrip().startswith('<div id="attacks"')
    assert "hx-get" not in fragment
    assert re.search(r"(\d+) of \1 attacks gained nothing\.", words(alice.web.get(path)))
    assert "Ignore all previous instructions" in fragment
    assert "Without an attack: failed, 1" in fragment
    assert "scripted" in fragment
    assert "$0.0" in fragment
    assert re.search(r"Held (\d+) of \1 attacks gained nothing", words(alice.web.get(page)))
    assert "Attack again" in alice.web.get(path).text


def test_a_second_suite_while_one_runs_is_refused_in_words(world: JudgedProject) -> None:
    alice, metric = world.person, world.metric()
    path = f"/p/support-copilot/metrics/{metric}/attacks"
    alice.web.post(path)
    assert "Attack again" not in alice.web.get(path).text
    alice.web.post(path)
    assert "being attacked already" in alice.web.get(path).text


def test_a_metric_without_a_judge_has_no_attacks(world: JudgedProject) -> None:
    metric = world.metric("text.contains", params={"text": "x"})
    page = world.person.web.get(f"/p/support-copilot/metrics/{metric}").text
    assert "Attacks on the judge" not in page
    assert "asks no judge" in words(world.person.web.get(f"/p/support-copilot/metrics/{metric}/attacks"))


def test_a_changed_metric_says_so(world: JudgedProject) -> None:
    alice, metric = world.person, world.metric()
    alice.web.post(f"/p/support-copilot/metrics/{metric}/attacks")
    do_jobs(alice)
    alice.api.patch(f"/metrics/{metric}", {"params": {"criteria": "Other."}})
    assert "was changed since" in words(alice.web.get(f"/p/support-copilot/metrics/{metric}"))
    assert "was changed since" in words(alice.web.get(f"/p/support-copilot/metrics/{metric}/attacks"))


def test_a_model_that_is_down_is_said(alice: Person, project: ProjectView) -> None:
    with judged(alice, project, fault="down") as world:
        metric = world.metric()
        alice.web.post(f"/p/support-copilot/metrics/{metric}/attacks")
        do_jobs(alice)
    assert "gave no verdict" in words(alice.web.get(f"/p/support-copilot/metrics/{metric}/attacks"))
    assert "Undecided" in words(alice.web.get(f"/p/support-copilot/metrics/{metric}"))


def test_a_judge_whose_model_is_archived_says_what_to_do(world: JudgedProject) -> None:
    alice, metric = world.person, world.metric(model_id=world.model_id)
    alice.api.delete(f"/models/{world.model_id}")
    path = f"/p/support-copilot/metrics/{metric}/attacks"
    assert alice.web.post(path).status_code == 303
    assert "The model that judges is archived" in alice.web.get(path).text
    answer = alice.api.post(f"/metrics/{metric}/attacks", {})
    assert (answer.status_code, "archived" in answer.json["detail"]) == (422, True)


def test_a_viewer_reads_and_starts_nothing(world: JudgedProject, bob: Person) -> None:
    metric = world.metric()
    path = f"/p/support-copilot/metrics/{metric}/attacks"
    assert "d-attack" not in bob.web.get(path).text
    assert bob.web.post(path).status_code == 403


def test_statements_stay_within_the_budget(
    world: JudgedProject, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    alice, metric = world.person, world.metric()
    alice.web.post(f"/p/support-copilot/metrics/{metric}/attacks")
    do_jobs(alice)
    for path in (f"/p/support-copilot/metrics/{metric}/attacks", f"/p/support-copilot/metrics/{metric}"):
        with statements() as seen:
            assert alice.web.get(path).status_code == 200
        assert len(seen) <= 8, seen
