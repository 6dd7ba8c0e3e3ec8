"""The test pages where the text is taken from a prompt, as a browser without script uses them."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape
from typing import Any

import pytest
from werkzeug.test import TestResponse

from rhesis_app.authoring.models import Test
from rhesis_app.projects.queries import ProjectView
from tests.pages.forms_in import forms_in
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]


def words(answer: TestResponse) -> str:
    """What stands between the tags of the page's main part."""
    main = answer.text.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.fixture
def here(project: ProjectView) -> str:
    return f"/p/{project.slug}/tests"


@pytest.fixture
def prompt(alice: Person, project: ProjectView) -> dict[str, Any]:
    body = {"project_id": str(project.id), "name": "Order", "template": "Where is {{ order }}?"}
    return alice.api.post("/prompts", body).json


@pytest.fixture
def made(alice: Person, here: str, prompt: dict[str, Any]) -> str:
    """The address of a test that takes its text from the prompt, which has a newer version by now."""
    typed = {"prompt_id": prompt["id"], "version": "1", "values.order": "my parcel"}
    path = alice.web.post(here, typed).headers["Location"]
    alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": "Track {{ order }}!"})
    return path


def test_without_prompts_the_form_asks_for_the_text_alone(alice: Person, here: str) -> None:
    assert 'name="prompt_id"' not in alice.web.get(f"{here}/new").text


def test_choosing_a_prompt_asks_for_its_values(alice: Person, here: str, prompt: dict[str, Any]) -> None:
    assert "Written here" in words(alice.web.get(f"{here}/new"))
    chosen = alice.web.post(f"{here}/compose", {"prompt": "typed", "prompt_id": prompt["id"], "expected": "kept"})
    assert 'name="values.order"' in chosen.text
    assert "Version 1, the newest" in words(chosen)
    assert '<span class="var">{{ order }}</span>' in chosen.text
    assert ">\nkept</textarea>" in chosen.text
    back = alice.web.post(f"{here}/compose", {"prompt": "typed", "prompt_id": ""})
    assert ">\ntyped</textarea>" in back.text
    assert 'name="values.order"' in alice.web.get(f"{here}/new?prompt={prompt['id']}").text
    assert alice.count(Test) == 0


def test_a_test_shows_where_its_text_comes_from(alice: Person, prompt: dict[str, Any], made: str) -> None:
    answer = alice.web.get(made)
    assert "Where is my parcel?" in words(answer)
    assert "Taken from Order, version 1 ; version 2 is the newest" in words(answer)
    assert f"prompts/{prompt['id']}/versions/1" in answer.text
    assert "Use version 2" in words(answer)


def test_the_newest_version_is_used_at_one_click(alice: Person, made: str) -> None:
    assert alice.web.post(f"{made}/newest-prompt").headers["Location"] == made
    shown = words(alice.web.get(made))
    assert "Track my parcel!" in shown
    assert "Taken from Order, version 2 ." in shown
    assert "Use version" not in shown


def test_where_the_newest_version_needs_more_the_form_asks_for_it(
    alice: Person, prompt: dict[str, Any], made: str
) -> None:
    alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": "{{ order }} to {{ city }}"})
    asked = alice.web.post(f"{made}/newest-prompt")
    assert asked.status_code == 422
    assert "“city” has no value" in words(asked)
    (form,) = [form for form in forms_in(asked.text) if form.action == made]
    assert form.fields["version"] == "3"
    assert form.fields["values.order"] == "my parcel"
    assert alice.web.post(made, form.fields | {"values.city": "Bonn"}).status_code == 303
    assert "my parcel to Bonn" in words(alice.web.get(made))


def test_saving_the_form_as_it_stands_changes_nothing(alice: Person, made: str) -> None:
    test_id = made.rpartition("/")[2]
    before = alice.api.get(f"/tests/{test_id}").json
    (form,) = [form for form in forms_in(alice.web.get(f"{made}/edit").text) if form.action == made]
    assert alice.web.post(made, form.fields).status_code == 303
    after = alice.api.get(f"/tests/{test_id}").json
    assert (after["prompt"], after["prompt_source"]) == (before["prompt"], before["prompt_source"])


def test_writing_the_text_here_lets_go_of_the_prompt(alice: Person, made: str) -> None:
    composed = alice.web.post(f"{made}/compose", {"prompt": "Where is my parcel?", "prompt_id": ""})
    (form,) = [form for form in forms_in(composed.text) if form.action == made]
    alice.web.post(made, form.fields)
    shown = words(alice.web.get(made))
    assert "Where is my parcel?" in shown
    assert "Taken from" not in shown
    assert alice.web.post(f"{made}/newest-prompt").status_code == 409


def test_a_missing_value_is_said_at_its_field(alice: Person, here: str, prompt: dict[str, Any]) -> None:
    answer = alice.web.post(here, {"prompt_id": prompt["id"], "version": "1", "expected": "kept"})
    assert answer.status_code == 422
    assert 'id="f-values-order-error"' in answer.text
    assert "kept" in answer.text
    unknown = alice.web.post(here, {"prompt_id": "00000000-0000-7000-8000-000000000000", "prompt": "x"})
    assert unknown.status_code == 422
    assert "no such prompt" in words(unknown)
    assert alice.count(Test) == 0


def test_an_archived_prompt_stays_chosen_where_it_is(
    alice: Person, here: str, prompt: dict[str, Any], made: str
) -> None:
    alice.api.delete(f"/prompts/{prompt['id']}")
    assert "Order (archived)" in words(alice.web.get(f"{made}/edit"))
    assert "Order" not in words(alice.web.get(f"{here}/new"))


def test_the_prompt_leads_to_its_tests(alice: Person, here: str, prompt: dict[str, Any], made: str) -> None:
    alice.web.post(here, {"prompt": "Something else"})
    shown = alice.web.get(f"{here.removesuffix('tests')}prompts/{prompt['id']}")
    assert f'href="{here}?prompt={prompt["id"]}"' in shown.text
    listed = words(alice.web.get(f"{here}?prompt={prompt['id']}"))
    assert "Where is my parcel?" in listed
    assert "Something else" not in listed


def test_a_viewer_is_offered_no_newer_version(bob: Person, made: str) -> None:
    assert "Use version" not in words(bob.web.get(made))
    for path in ("/compose", "/newest-prompt"):
        assert bob.web.post(made + path).status_code == 403


def test_to_a_stranger_there_is_nothing(charlie: Person, here: str, made: str) -> None:
    for path in (f"{here}/compose", f"{made}/compose", f"{made}/newest-prompt"):
        assert charlie.web.post(path).status_code == 404


@pytest.mark.parametrize("count", [2, 20])
def test_statements_do_not_grow_with_prompts(
    alice: Person, here: str, prompt: dict[str, Any], made: str, statements: Statements, count: int
) -> None:
    for number in range(count):
        alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": f"{{{{ order }}}} {number}"})
    for path in (here, f"{here}?prompt={prompt['id']}", made, f"{made}/edit", f"{here}/new?prompt={prompt['id']}"):
        with statements() as seen:
            assert alice.web.get(path).status_code == 200
        assert len(seen) <= 8, seen
