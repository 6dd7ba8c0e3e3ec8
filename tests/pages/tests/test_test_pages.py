"""Pages of tests."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from rhesis_app.authoring.models import Test
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]
TYPED = {
    "prompt": "Where is <b>my</b> order?\r\nPlease",
    "expected": "the number",
    "requirement": "Polite",
    "context": "one\r\nmore\r\n---\r\ntwo",
    "messages": '[{"role": "system", "content": "Be brief."}]',
    "metadata": '{"order": 1042}',
}


def make(person: Person, project: ProjectView, **changes: str) -> str:
    answer = person.web.post(f"/p/{project.slug}/tests", {**TYPED, **changes})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_what_was_typed_is_kept_and_shown_escaped(alice: Person, project: ProjectView) -> None:
    address = make(alice, project)
    page = alice.web.get(address).text
    assert "Where is &lt;b&gt;my&lt;/b&gt; order?" in page
    (test,) = alice.api.get("/tests").json
    assert test["prompt"] == "Where is <b>my</b> order?\nPlease"
    assert test["context"] == ["one\nmore", "two"]
    assert (test["messages"], test["metadata"]) == ([{"role": "system", "content": "Be brief."}], {"order": 1042})


def test_saving_the_edit_form_unchanged_changes_nothing(alice: Person, project: ProjectView) -> None:
    address = make(alice, project)
    before = alice.api.get("/tests").json[0]
    form = alice.web.get(f"{address}/edit").text
    assert "Be brief." in form
    typed = {**TYPED, "context": "one\r\nmore\r\n---\r\ntwo", "etag": before["etag"]}
    assert alice.web.post(address, typed).status_code == 303
    after = alice.api.get("/tests").json[0]
    ignored = {"updated_at", "etag"}
    assert {key: after[key] for key in after.keys() - ignored} == {key: before[key] for key in before.keys() - ignored}


@pytest.mark.parametrize(("typed", "kept"), [("", None), ("5", 5)])
def test_how_often_it_is_asked_is_kept_and_shown(
    alice: Person, project: ProjectView, typed: str, kept: int | None
) -> None:
    address = make(alice, project, trials=typed)
    (test,) = alice.api.get("/tests").json
    assert test["trials"] == kept
    assert ("asked 5 times in every run" in alice.web.get(address).text) is (kept is not None)
    assert f'name="trials" value="{typed}"' in alice.web.get(f"{address}/edit").text
    alice.web.post(address, {**TYPED, "trials": "", "etag": test["etag"]})
    assert alice.api.get("/tests").json[0]["trials"] is None


@pytest.mark.parametrize("typed", ["often", "0", "101", "2.5"])
def test_trials_that_cannot_be_are_refused_at_their_field(alice: Person, project: ProjectView, typed: str) -> None:
    answer = alice.web.post(f"/p/{project.slug}/tests", {**TYPED, "trials": typed})
    assert answer.status_code == 422
    assert 'id="f-trials-error"' in answer.text
    assert f'name="trials" value="{typed}"' in answer.text


def test_an_edit_over_somebody_elses_is_refused_and_kept(alice: Person, project: ProjectView) -> None:
    address = make(alice, project)
    stale = alice.api.get("/tests").json[0]["etag"]
    alice.web.post(address, {**TYPED, "prompt": "Hers", "etag": stale})
    late = alice.web.post(address, {**TYPED, "prompt": "Mine", "etag": stale})
    assert late.status_code == 412
    assert "Mine" in late.text
    assert alice.api.get("/tests").json[0]["prompt"] == "Hers"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prompt": "  "}, "The prompt is empty"),
        ({"messages": "{"}, "JSON list"),
        ({"messages": '["x"]'}, "JSON list"),
        ({"messages": '[{"role": "robot", "content": "x"}]'}, "needs a role"),
        ({"metadata": "[]"}, "JSON object"),
    ],
)
def test_mistakes_are_named_and_what_was_typed_stays(
    alice: Person, project: ProjectView, change: dict[str, str], said: str
) -> None:
    answer = alice.web.post(f"/p/{project.slug}/tests", {**TYPED, **change})
    assert answer.status_code == 422
    assert said in answer.text
    assert "the number" in answer.text
    assert alice.count(Test) == 0


def test_a_test_can_be_made_in_a_set(alice: Person, project: ProjectView) -> None:
    made = alice.api.post("/test-sets", {"project_id": str(project.id), "name": "Mine"}).json
    form = alice.web.get(f"/p/{project.slug}/tests/new?test_set={made['id']}").text
    assert f'<option value="{made["id"]}" selected>' in form
    address = make(alice, project, test_set=made["id"])
    assert address.endswith(f"/test-sets/{made['id']}")
    assert "the number" in alice.web.get(address).text
    wrong = alice.web.post(f"/p/{project.slug}/tests", {**TYPED, "prompt": "", "test_set": made["id"]})
    assert wrong.status_code == 422
    assert "The prompt is empty" in wrong.text


def test_archiving_offers_to_undo(alice: Person, project: ProjectView) -> None:
    address = make(alice, project)
    alice.web.post(f"{address}/archive")
    page = alice.web.get(f"/p/{project.slug}/tests").text
    assert f'action="{address}/restore"' in page
    assert "Archived" in alice.web.get(address).text
    alice.web.post(f"{address}/restore")
    assert len(alice.api.get("/tests").json) == 1


def test_the_list_is_searched_and_filtered_by_its_address(alice: Person, project: ProjectView) -> None:
    make(alice, project, prompt="first one", requirement="Polite")
    make(alice, project, prompt="second one", requirement="Brief")
    requirement = alice.api.get("/tests?q=first").json[0]["requirement_id"]
    here = f"/p/{project.slug}/tests"
    assert "second one" not in alice.web.get(f"{here}?q=first").text
    assert "second one" not in alice.web.get(f"{here}?requirement={requirement}").text
    assert "Nothing found" in alice.web.get(f"{here}?q=100%25").text
    assert alice.web.get(f"{here}?requirement=nonsense&cursor=").status_code == 200


def test_readers_see_no_way_to_change_and_have_none(alice: Person, bob: Person, project: ProjectView) -> None:
    address = make(alice, project)
    page = bob.web.get(address)
    assert page.status_code == 200
    assert "/edit" not in page.text
    for path in (f"{address}/edit", f"/p/{project.slug}/tests/new"):
        assert bob.web.get(path).status_code == 403
    for path in (address, f"{address}/archive", f"{address}/restore", f"/p/{project.slug}/tests"):
        assert bob.web.post(path, TYPED).status_code == 403


def test_strangers_get_404(alice: Person, charlie: Person, project: ProjectView) -> None:
    address = make(alice, project)
    for path in (address, f"{address}/edit", f"/p/{project.slug}/tests", f"/p/{project.slug}/tests/new"):
        assert charlie.web.get(path).status_code == 404
    for path in (address, f"{address}/archive", f"{address}/restore"):
        assert charlie.web.post(path, TYPED).status_code == 404


def test_statements_do_not_grow_with_rows(alice: Person, project: ProjectView, statements: Statements) -> None:
    assert alice.web.get("/").status_code in {200, 303}
    for count in (3, 60):
        tests = [{"prompt": str(number), "requirement": f"R{number % 5}"} for number in range(count)]
        alice.api.post("/test-sets", {"project_id": str(project.id), "name": f"Of {count}", "tests": tests})
        with statements() as seen:
            alice.web.get(f"/p/{project.slug}/tests")
        assert len(seen) <= 8, seen
