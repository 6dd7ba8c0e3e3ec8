"""The requirement pages, as a browser without script uses them."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape

import pytest
from werkzeug.test import TestResponse

from rhesis_app.authoring.models import Requirement
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]


def words(answer: TestResponse) -> str:
    """What stands between the tags of the page's main part."""
    main = answer.text.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.fixture
def here(project: ProjectView) -> str:
    return f"/p/{project.slug}/requirements"


@pytest.fixture
def metric_id(alice: Person, project: ProjectView) -> str:
    body = {"project_id": str(project.id), "name": "Says thirty nights", "evaluator": "text.contains"}
    return alice.api.post("/metrics", body).json["id"]


@pytest.fixture
def made(alice: Person, here: str, metric_id: str) -> str:
    """The address of a requirement with one metric."""
    return alice.web.post(here, {"name": "Quotes the policy", "metric_ids": metric_id}).headers["Location"]


def test_an_empty_project_says_what_a_requirement_is(alice: Person, here: str) -> None:
    answer = alice.web.get(here)
    assert "No requirements yet" in words(answer)
    assert f'href="{here}/new"' in answer.text
    assert "The project has none yet" in words(alice.web.get(f"{here}/new"))


def test_a_requirement_is_made_and_shown_with_its_metrics(alice: Person, here: str, made: str) -> None:
    shown = words(alice.web.get(made))
    assert "Quotes the policy" in shown
    assert "Says thirty nights" in shown
    assert "Says thirty nights" in words(alice.web.get(here))


def test_a_bad_name_is_said_and_what_was_ticked_is_kept(alice: Person, here: str, metric_id: str) -> None:
    answer = alice.web.post(here, {"name": " ", "description": "kept", "metric_ids": metric_id})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert "kept" in answer.text
    assert re.search(rf'value="{metric_id}" checked', answer.text)
    assert alice.count(Requirement) == 0


def test_unticking_a_metric_detaches_it(alice: Person, here: str, made: str) -> None:
    form = alice.web.get(f"{made}/edit").text
    assert " checked" in form
    etag = unescape(re.search(r'name="etag" value="([^"]*)"', form)[1])
    assert alice.web.post(made, {"name": "Quotes it", "etag": etag}).status_code == 303
    shown = words(alice.web.get(made))
    assert "Quotes it" in shown
    assert "Says thirty nights" not in shown
    stale = alice.web.post(made, {"name": "Late", "etag": etag})
    assert stale.status_code == 412
    assert 'value="Late"' in stale.text


def test_a_taken_name_is_said_at_the_name(alice: Person, here: str, made: str) -> None:
    answer = alice.web.post(here, {"name": "Quotes the policy"})
    assert answer.status_code == 409
    assert "There is a requirement of this name" in words(answer)


def test_archiving_offers_undo(alice: Person, here: str, made: str) -> None:
    assert alice.web.post(f"{made}/archive").headers["Location"] == here
    assert f'action="{made}/restore"' in alice.web.get(here).text
    assert "Quotes the policy" in words(alice.web.get(f"{here}?archived=1"))
    alice.web.post(here, {"name": "Quotes the policy"})
    alice.web.post(f"{made}/restore")
    assert "There is a requirement of this name" in alice.web.get(made).text
    assert "Archived" in words(alice.web.get(made))


def test_the_list_is_searched(alice: Person, here: str, made: str) -> None:
    alice.web.post(here, {"name": "Answers briefly"})
    found = words(alice.web.get(f"{here}?q=policy"))
    assert "Quotes the policy" in found
    assert "Answers briefly" not in found
    assert "No requirement has “100%” in its name." in words(alice.web.get(f"{here}?q=100%25"))


def test_a_viewer_sees_requirements_and_no_way_to_change_them(bob: Person, here: str, made: str) -> None:
    assert "Quotes the policy" in words(bob.web.get(here))
    assert "/edit" not in bob.web.get(made).text
    assert [bob.web.get(path).status_code for path in (f"{here}/new", f"{made}/edit")] == [403, 403]
    for path in (here, made, f"{made}/archive", f"{made}/restore"):
        assert bob.web.post(path, {"name": "X"}).status_code == 403


def test_to_a_stranger_there_is_nothing(charlie: Person, here: str, made: str) -> None:
    assert [charlie.web.get(path).status_code for path in (here, made, f"{made}/edit", f"{here}/new")] == [404] * 4
    for path in (here, made, f"{made}/archive", f"{made}/restore"):
        assert charlie.web.post(path, {"name": "X"}).status_code == 404


def test_a_requirement_is_found_in_its_own_project_alone(alice: Person, made: str) -> None:
    other = alice.api.post("/projects", {"name": "Warehouse"}).json["slug"]
    assert alice.web.get(f"/p/{other}/requirements/{made.rpartition('/')[2]}").status_code == 404


@pytest.mark.parametrize("count", [2, 20])
def test_statements_do_not_grow_with_rows(
    alice: Person, here: str, made: str, metric_id: str, statements: Statements, count: int
) -> None:
    for number in range(count):
        alice.web.post(here, {"name": f"Requirement {number}", "metric_ids": metric_id})
    for path in (here, f"{here}/new", made, f"{made}/edit"):
        with statements() as seen:
            assert alice.web.get(path).status_code == 200
        assert len(seen) <= 8, seen
