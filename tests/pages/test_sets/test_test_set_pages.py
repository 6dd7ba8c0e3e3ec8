"""Pages of test sets."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from rhesis_app.authoring.models import TestSet
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]


def make(person: Person, project: ProjectView, count: int = 2, name: str = "Release regression") -> dict[str, Any]:
    tests = [{"prompt": f"Prompt {number}", "requirement": f"R{number % 3}"} for number in range(count)]
    return person.api.post("/test-sets", {"project_id": str(project.id), "name": name, "tests": tests}).json


def page_of(project: ProjectView, made: dict[str, Any]) -> str:
    return f"/p/{project.slug}/test-sets/{made['id']}"


def test_a_set_is_made_and_shown(alice: Person, project: ProjectView) -> None:
    answer = alice.web.post(f"/p/{project.slug}/test-sets", {"name": "Mine", "description": "All of it"})
    assert answer.status_code == 303
    page = alice.web.get(answer.headers["Location"]).text
    assert "All of it" in page
    assert "No tests yet" in page
    assert "runs/new" not in page


def test_the_page_leads_to_a_run_and_to_the_exports(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    page = alice.web.get(page_of(project, made)).text
    assert f'href="/p/{project.slug}/runs/new?test_set={made["id"]}"' in page
    for file_format in ("jsonl", "csv"):
        address = f"{page_of(project, made)}/export/{file_format}"
        assert f'href="{address}"' in page
        assert "Prompt 1" in alice.web.get(address).text
    assert alice.web.get(f"{page_of(project, made)}/export/xml").status_code == 404


def test_tests_are_searched_and_narrowed_to_a_requirement(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, 9)
    here = page_of(project, made)
    requirement = alice.api.get(f"/tests?test_set_id={made['id']}&limit=1").json[0]["requirement_id"]
    narrowed = alice.web.get(f"{here}?requirement={requirement}").text
    assert "Prompt 3" in narrowed
    assert "Prompt 4" not in narrowed
    found = alice.web.get(f"{here}?q=prompt+4").text
    assert "Prompt 4" in found
    assert "Prompt 3" not in found


def test_pages_follow_each_other_in_the_sets_order(alice: Person, project: ProjectView) -> None:
    made = make(alice, project, 60)
    first = alice.web.get(page_of(project, made)).text
    assert "Prompt 49<" in first
    assert "Prompt 50<" not in first
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "Prompt 50<" in alice.web.get(following).text


def test_a_version_is_saved_by_hand_and_listed(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    here = page_of(project, made)
    alice.api.post(f"/test-sets/{made['id']}/tests", {"tests": [{"prompt": "Third"}]})
    assert alice.web.post(f"{here}/versions").status_code == 303
    assert "version 2" in alice.web.get(here).text
    listed = alice.web.get(f"{here}/versions").text
    assert f"{here}/export/jsonl?version=1" in listed
    assert "Third" not in alice.web.get(f"{here}/export/jsonl?version=1").text


def test_a_test_is_taken_out_and_kept(alice: Person, project: ProjectView) -> None:
    made = make(alice, project)
    first = alice.api.get(f"/tests?test_set_id={made['id']}").json[0]["id"]
    alice.web.post(f"{page_of(project, made)}/tests/{first}/remove")
    assert alice.api.get(f"/test-sets/{made['id']}").json["test_count"] == 1
    assert alice.api.get(f"/tests/{first}").status_code == 200


def test_name_and_metrics_are_edited(alice: Person, project: ProjectView) -> None:
    body = {"project_id": str(project.id), "name": "Says so", "evaluator": "text.contains"}
    metric = alice.api.post("/metrics", body).json["id"]
    made = make(alice, project)
    here = page_of(project, made)
    assert "Says so" in alice.web.get(f"{here}/edit").text
    assert alice.web.post(here, {"name": "Other", "metric_ids": [metric], "etag": made["etag"]}).status_code == 303
    page = alice.web.get(here).text
    assert "Other" in page
    assert f"/metrics/{metric}" in page
    late = alice.web.post(here, {"name": "Too late", "etag": made["etag"]})
    assert late.status_code == 412
    assert "Too late" in late.text


@pytest.mark.parametrize(("name", "status"), [(" ", 422), ("x" * 121, 422), ("Release regression", 409)])
def test_mistakes_are_named_and_what_was_typed_stays(
    alice: Person, project: ProjectView, name: str, status: int
) -> None:
    make(alice, project)
    answer = alice.web.post(f"/p/{project.slug}/test-sets", {"name": name, "description": "Kept words"})
    assert answer.status_code == status
    assert "Kept words" in answer.text
    assert 'id="f-name-error"' in answer.text
    assert alice.count(TestSet) == 1


def test_archiving_offers_to_undo(alice: Person, project: ProjectView) -> None:
    here = page_of(project, make(alice, project))
    alice.web.post(f"{here}/archive")
    assert f'action="{here}/restore"' in alice.web.get(f"/p/{project.slug}/test-sets").text
    assert "runs/new" not in alice.web.get(here).text
    make(alice, project)
    alice.web.post(f"{here}/restore")
    assert "already" in alice.web.get(here).text


def test_readers_see_no_way_to_change_and_have_none(alice: Person, bob: Person, project: ProjectView) -> None:
    here = page_of(project, make(alice, project))
    page = bob.web.get(here)
    assert page.status_code == 200
    for word in ("/edit", "/remove", "/archive", "runs/new", "Import"):
        assert word not in page.text
    assert bob.web.get(f"{here}/export/csv").status_code == 200
    for path in (f"{here}/edit", f"/p/{project.slug}/test-sets/new"):
        assert bob.web.get(path).status_code == 403
    for path in ("", "/archive", "/restore", "/versions"):
        assert bob.web.post(here + path, {"name": "x"}).status_code == 403


def test_strangers_get_404(alice: Person, charlie: Person, project: ProjectView) -> None:
    here = page_of(project, make(alice, project))
    for path in ("", "/edit", "/versions", "/export/csv"):
        assert charlie.web.get(here + path).status_code == 404
    for path in ("", "/archive", "/restore", "/versions"):
        assert charlie.web.post(here + path, {"name": "x"}).status_code == 404
    assert alice.api.get("/test-sets").json[0]["name"] == "Release regression"
    assert alice.api.get("/test-sets").json[0]["version"] == 1


@pytest.mark.parametrize("count", [5, 120])
def test_statements_do_not_grow_with_rows(
    alice: Person, project: ProjectView, statements: Statements, count: int
) -> None:
    made = make(alice, project, count)
    alice.web.get("/")
    for path in (page_of(project, made), f"/p/{project.slug}/test-sets", f"{page_of(project, made)}/versions"):
        with statements() as seen:
            assert alice.web.get(path).status_code == 200
        assert len(seen) <= 8, seen
