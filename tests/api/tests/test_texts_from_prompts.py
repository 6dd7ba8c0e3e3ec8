"""Tests whose text is taken from a prompt's version: rendered once, kept as text, with where it comes from beside it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from rhesis_app.authoring.models import Test
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]
NOWHERE = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def prompt(alice: Person, project: ProjectView) -> dict[str, Any]:
    """A prompt with two versions, as it was when it had one."""
    body = {"project_id": str(project.id), "name": "Order", "template": "Where is {{ order }}?"}
    made = alice.api.post("/prompts", body).json
    alice.api.post(
        f"/prompts/{made['id']}/versions", {"template": 'Where is {{ order }}, {{ name | default("please") }}?'}
    )
    return made


@pytest.fixture
def create(alice: Person, project: ProjectView) -> Callable[..., Any]:
    def post(**body: Any) -> Any:
        return alice.api.post("/tests", {"project_id": str(project.id), **body})

    return post


def test_the_text_is_rendered_and_says_where_it_comes_from(prompt: dict[str, Any], create: Callable[..., Any]) -> None:
    values = {"order": "{{ name }} 42"}
    by_id = create(prompt_version_id=prompt["version_id"], values=values)
    by_number = create(prompt_id=prompt["id"], version=1, values=values)
    assert by_id.status_code == by_number.status_code == 201
    for answer in (by_id, by_number):
        assert answer.json["prompt"] == "Where is {{ name }} 42?"
        assert answer.json["prompt_source"] == {
            "prompt_id": prompt["id"],
            "name": "Order",
            "prompt_version_id": prompt["version_id"],
            "version": 1,
            "newest_version": 2,
            "values": values,
        }
    newest = create(prompt_id=prompt["id"], values=values).json
    assert newest["prompt"] == "Where is {{ name }} 42, please?"
    assert newest["prompt_source"]["version"] == 2
    assert create(prompt="As it is").json["prompt_source"] is None


def test_a_new_version_changes_no_test_until_it_is_asked_to(
    alice: Person, prompt: dict[str, Any], create: Callable[..., Any]
) -> None:
    path = f"/tests/{create(prompt_id=prompt['id'], version=1, values={'order': 'A'}).json['id']}"
    alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": "Track {{ order }}"})
    kept = alice.api.get(path).json
    assert (kept["prompt"], kept["prompt_source"]["newest_version"]) == ("Where is A?", 3)
    moved = alice.api.patch(path, {"prompt_id": prompt["id"]}).json
    assert (moved["prompt"], moved["prompt_source"]["version"]) == ("Track A", 3)
    assert moved["prompt_source"]["values"] == {"order": "A"}


def test_a_value_that_the_new_version_has_no_variable_for_is_let_go(
    alice: Person, prompt: dict[str, Any], create: Callable[..., Any]
) -> None:
    values = {"order": "A", "name": "Ada"}
    path = f"/tests/{create(prompt_id=prompt['id'], version=2, values=values).json['id']}"
    back = alice.api.patch(path, {"prompt_id": prompt["id"], "version": 1}).json
    assert (back["prompt"], back["prompt_source"]["values"]) == ("Where is A?", {"order": "A"})


def test_values_alone_are_put_into_the_same_version(
    alice: Person, prompt: dict[str, Any], create: Callable[..., Any]
) -> None:
    path = f"/tests/{create(prompt_id=prompt['id'], version=1, values={'order': 'A'}).json['id']}"
    changed = alice.api.patch(path, {"values": {"order": "B"}}).json
    assert (changed["prompt"], changed["prompt_source"]["version"]) == ("Where is B?", 1)
    untouched = alice.api.patch(path, {"expected": "there"}).json
    assert untouched["prompt_source"] == changed["prompt_source"]
    assert alice.api.patch(path, {"values": {}}).json["errors"].keys() == {"values.order"}
    written = alice.api.patch(path, {"prompt": "Where is B?"}).json
    assert (written["prompt"], written["prompt_source"]) == ("Where is B?", None)
    refused = alice.api.patch(path, {"values": {"order": "C"}})
    assert refused.status_code == 422
    assert "not taken from a prompt" in refused.json["detail"]


def test_a_version_that_needs_more_values_is_refused_and_changes_nothing(
    alice: Person, prompt: dict[str, Any], create: Callable[..., Any]
) -> None:
    path = f"/tests/{create(prompt_id=prompt['id'], version=1, values={'order': 'A'}).json['id']}"
    alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": "{{ city }}: {{ order }}"})
    refused = alice.api.patch(path, {"prompt_id": prompt["id"]})
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == ["values.city"]
    assert alice.api.get(path).json["prompt"] == "Where is A?"
    done = alice.api.patch(path, {"prompt_id": prompt["id"], "values": {"city": "Bonn", "order": "A"}})
    assert done.json["prompt"] == "Bonn: A"


def test_many_tests_of_a_set_are_rendered_at_once_and_the_wrong_ones_named(
    alice: Person, project: ProjectView, prompt: dict[str, Any], statements: Statements
) -> None:
    def body(count: int, name: str) -> dict[str, Any]:
        tests = [{"prompt_id": prompt["id"], "version": 1, "values": {"order": str(n)}} for n in range(count)]
        return {"project_id": str(project.id), "name": name, "tests": [*tests, {"prompt": "Plain"}]}

    taken = []
    for count in (2, 50):
        with statements() as seen:
            made = alice.api.post("/test-sets", body(count, f"Set {count}"))
        assert made.status_code == 201
        taken.append(len(seen))
    assert taken[0] == taken[1]
    listed = alice.api.get(f"/tests?test_set_id={made.json['id']}&limit=200").json
    assert [test["prompt"] for test in listed] == [*(f"Where is {n}?" for n in range(50)), "Plain"]
    wrong = body(2, "Wrong")
    wrong["tests"][1]["values"] = {}
    refused = alice.api.post("/test-sets", wrong)
    assert list(refused.json["errors"]) == ["tests.1.values.order"]
    refused = alice.api.post(f"/test-sets/{made.json['id']}/tests", {"tests": wrong["tests"]})
    assert list(refused.json["errors"]) == ["tests.1.values.order"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"values": {"order": "A"}}, "prompt"),
        ({"prompt": "x", "prompt_id": NOWHERE}, "prompt"),
        ({"prompt_version_id": NOWHERE, "prompt_id": NOWHERE}, "prompt_version_id"),
        ({"prompt_version_id": NOWHERE, "version": 1}, "version"),
        ({"prompt": "x", "values": {}}, "values"),
        ({"prompt_id": NOWHERE}, "prompt_id"),
        ({"prompt_version_id": NOWHERE}, "prompt_version_id"),
        ({"prompt_id": NOWHERE, "version": 2**31}, "version"),
        ({"prompt_id": "mine", "version": 9, "values": {}}, "prompt_id"),
        ({"prompt_id": "mine", "values": {"oder": "A", "order": "B"}}, "values.oder"),
        ({"prompt_id": "mine", "version": 1, "values": {"order": "x" * 100_001}}, "values"),
        ({"prompt_id": "mine", "version": 1, "values": {"order": 2**60}}, "values"),
        ({"prompt_id": "mine", "version": 1, "values": {"order": " "}, "expected": "x" * 100_001}, "expected"),
    ],
)
def test_bad_input_is_named(
    alice: Person, prompt: dict[str, Any], create: Callable[..., Any], body: dict[str, Any], field: str
) -> None:
    answer = create(**body | ({"prompt_id": prompt["id"]} if body.get("prompt_id") == "mine" else {}))
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
    assert alice.count(Test) == 0


def test_an_archived_prompt_is_taken_by_no_new_test_and_kept_by_its_own(
    alice: Person, prompt: dict[str, Any], create: Callable[..., Any]
) -> None:
    path = f"/tests/{create(prompt_id=prompt['id'], version=1, values={'order': 'A'}).json['id']}"
    alice.api.delete(f"/prompts/{prompt['id']}")
    refused = create(prompt_id=prompt["id"], values={"order": "A"})
    assert refused.status_code == 422
    assert "archived" in refused.json["errors"]["prompt_id"][0]
    assert alice.api.patch(path, {"values": {"order": "B"}}).json["prompt"] == "Where is B?"
    assert alice.api.patch(path, {"prompt_id": prompt["id"]}).status_code == 422


def test_a_prompt_of_another_project_cannot_be_taken(
    alice: Person, charlie: Person, prompt: dict[str, Any], create: Callable[..., Any]
) -> None:
    other = alice.api.post("/projects", {"name": "Warehouse"}).json["id"]
    theirs = charlie.api.post("/projects", {"name": "Theirs"}).json["id"]
    body = {"prompt_version_id": prompt["version_id"], "values": {"order": "A"}}
    for person, project_id in ((alice, other), (charlie, theirs)):
        answer = person.api.post("/tests", {"project_id": project_id, **body})
        assert answer.status_code == 422
        assert "prompt_version_id" in answer.json["errors"]


def test_tests_are_listed_and_counted_by_their_prompt(
    alice: Person, prompt: dict[str, Any], create: Callable[..., Any]
) -> None:
    first = create(prompt_id=prompt["id"], version=1, values={"order": "A"}).json["id"]
    second = create(prompt_id=prompt["id"], values={"order": "A"}).json["id"]
    create(prompt="Plain")
    found = alice.api.get(f"/tests?prompt_id={prompt['id']}&count=true")
    assert [test["id"] for test in found.json] == [second, first]
    assert found.headers["X-Total-Count"] == "2"
    assert alice.api.get(f"/tests?prompt_id={NOWHERE}").json == []
    assert alice.api.get(f"/prompts/{prompt['id']}").json["test_count"] == 2
    alice.api.delete(f"/tests/{first}")
    assert alice.api.get("/prompts").json[0]["test_count"] == 1
