"""The newest version of a prompt, taken into all the tests that use an older one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.tenancy.models import AuditEntry
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def prompt_id(alice: Person, project: ProjectView) -> str:
    body = {"project_id": str(project.id), "name": "Order", "template": "Where is {{ order }}?"}
    return alice.api.post("/prompts", body).json["id"]


@pytest.fixture
def make(alice: Person, project: ProjectView, prompt_id: str) -> Callable[..., str]:
    def test(**values: Any) -> str:
        body = {"project_id": str(project.id), "prompt_id": prompt_id, "version": 1, "values": values}
        answer = alice.api.post("/tests", body)
        assert answer.status_code == 201, answer.text
        return answer.json["id"]

    return test


def test_every_test_is_rendered_anew_with_its_own_values(
    alice: Person, project: ProjectView, prompt_id: str, make: Callable[..., str]
) -> None:
    ids = [make(order=order) for order in ("A", "{{ B }}")]
    archived = make(order="C")
    alice.api.delete(f"/tests/{archived}")
    plain = alice.api.post("/tests", {"project_id": str(project.id), "prompt": "Where is A?"}).json["id"]
    alice.api.post(f"/prompts/{prompt_id}/versions", {"template": "Track {{ order }}"})
    assert alice.api.get(f"/prompts/{prompt_id}").json["older_test_count"] == 2
    done = alice.api.post(f"/prompts/{prompt_id}/use-newest")
    assert done.json == {
        "version": 2,
        "moved": 2,
        "left": 0,
        "left_tests": [],
        "moved_metrics": 0,
        "left_metrics": [],
    }
    texts = [alice.api.get(f"/tests/{test_id}").json["prompt"] for test_id in (*ids, archived, plain)]
    assert texts == ["Track A", "Track {{ B }}", "Where is C?", "Where is A?"]
    assert alice.api.get(f"/prompts/{prompt_id}").json["older_test_count"] == 0
    assert alice.api.post(f"/prompts/{prompt_id}/use-newest").json["moved"] == 0
    assert alice.count(AuditEntry, action="prompt.use_newest") == 1


def test_a_test_that_lacks_a_value_stays_and_is_named(alice: Person, prompt_id: str, make: Callable[..., str]) -> None:
    first = make(order="A")
    alice.api.post(f"/prompts/{prompt_id}/versions", {"template": "{{ city }}: {{ order }}"})
    alice.api.patch(f"/tests/{first}", {"prompt_id": prompt_id, "values": {"order": "A", "city": "Bonn"}})
    second = make(order="B")
    alice.api.post(f"/prompts/{prompt_id}/versions", {"template": "{{ order }} to {{ city }}"})
    done = alice.api.post(f"/prompts/{prompt_id}/use-newest").json
    assert (done["version"], done["moved"], done["left"]) == (3, 1, 1)
    assert done["left_tests"][0]["test_id"] == second
    assert "“city” has no value" in done["left_tests"][0]["reason"]
    assert alice.api.get(f"/tests/{first}").json["prompt"] == "A to Bonn"
    assert alice.api.get(f"/tests/{second}").json["prompt"] == "Where is B?"


def test_the_page_asks_before_it_does_it_and_says_what_stayed(
    alice: Person, bob: Person, project: ProjectView, prompt_id: str, make: Callable[..., str]
) -> None:
    path = f"/p/{project.slug}/prompts/{prompt_id}"
    make(order="A")
    assert "use-newest" not in alice.web.get(path).text
    alice.api.post(f"/prompts/{prompt_id}/versions", {"template": "{{ order }} {{ city }}"})
    shown = alice.web.get(path).text
    assert "1 test uses an older version than 2." in shown
    assert f'action="{path}/use-newest"' in shown
    assert "use-newest" not in bob.web.get(path).text
    assert alice.web.post(f"{path}/use-newest").headers["Location"] == path
    assert "1 test left as before" in alice.web.get(path).text


def test_who_may_not_change_tests_changes_none(
    alice: Person, bob: Person, charlie: Person, prompt_id: str, make: Callable[..., str]
) -> None:
    test_id = make(order="A")
    alice.api.post(f"/prompts/{prompt_id}/versions", {"template": "Track {{ order }}"})
    path = f"/prompts/{prompt_id}/use-newest"
    assert [person.api.post(path).status_code for person in (bob, charlie)] == [403, 404]
    alice.api.delete(f"/prompts/{prompt_id}")
    assert alice.api.post(path).status_code == 409
    assert alice.api.get(f"/tests/{test_id}").json["prompt"] == "Where is A?"


def test_statements_do_not_grow_with_tests(
    alice: Person, prompt_id: str, make: Callable[..., str], statements: Statements
) -> None:
    taken = []
    for number, count in enumerate((2, 20)):
        for order in range(count):
            make(order=str(order))
        alice.api.post(f"/prompts/{prompt_id}/versions", {"template": f"{number} {{{{ order }}}}"})
        with statements() as seen:
            assert alice.api.post(f"/prompts/{prompt_id}/use-newest").json["moved"] >= count
        taken.append(len(seen))
    assert taken[0] == taken[1] <= 10
