"""The prompt pages, as a browser without script uses them."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape

import pytest
from werkzeug.test import TestResponse

from rhesis_app.authoring.models import Prompt, PromptVersion
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

Statements = Callable[[], AbstractContextManager[list[str]]]
GREETING = "Hello {{ name }},\nhow are you?"


def words(answer: TestResponse) -> str:
    """What stands between the tags of the page's main part."""
    main = answer.text.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def etag_in(answer: TestResponse) -> str:
    found = re.search(r'name="etag" value="([^"]*)"', answer.text)
    assert found
    return unescape(found[1])


@pytest.fixture
def here(project: ProjectView) -> str:
    return f"/p/{project.slug}/prompts"


@pytest.fixture
def made(alice: Person, here: str) -> str:
    """The address of a prompt with two versions."""
    path = alice.web.post(here, {"name": "Greeting", "template": GREETING, "note": "First"}).headers["Location"]
    alice.web.post(f"{path}/versions", {"template": "Hi {{ name }}!", "note": "Shorter"})
    return path


def test_an_empty_project_says_what_a_prompt_is(alice: Person, here: str) -> None:
    answer = alice.web.get(here)
    assert "No prompts yet" in words(answer)
    assert "{{ text }}" in words(answer)
    assert f'href="{here}/new"' in answer.text


def test_a_prompt_is_made_and_shown_with_its_variables_marked(alice: Person, here: str) -> None:
    typed = {"name": "Greeting", "template": GREETING.replace("\n", "\r\n"), "note": "First"}
    path = alice.web.post(here, typed).headers["Location"]
    answer = alice.web.get(path)
    assert '<span class="var">{{ name }}</span>' in answer.text
    assert "Greeting version 1" in words(answer)
    assert "First" in words(answer)
    assert alice.api.get(f"/prompts/{path.rpartition('/')[2]}").json["template"] == GREETING
    listed = words(alice.web.get(here))
    assert "Greeting 1 name nothing yet" in listed


def test_a_new_version_is_shown_and_the_old_one_kept(alice: Person, made: str) -> None:
    assert "Hi {{ name }} !" in words(alice.web.get(made))
    old = words(alice.web.get(f"{made}/versions/1"))
    assert "how are you?" in old
    assert "This is an older version" in old
    assert "Shorter" in old


def test_the_form_starts_from_the_newest_text_and_saves_once(alice: Person, made: str) -> None:
    form = alice.web.get(f"{made}/versions/new")
    assert "Hi {{ name }}!" in form.text
    etag = etag_in(form)
    alice.web.post(f"{made}/versions", {"template": "Hi {{ name }}!", "etag": etag})
    assert "Nothing changed: that is version 2." in alice.web.get(made).text
    assert alice.web.post(f"{made}/versions", {"template": "Three", "etag": etag}).status_code == 303
    stale = alice.web.post(f"{made}/versions", {"template": "Late", "etag": etag})
    assert stale.status_code == 412
    assert "Late" in stale.text
    assert alice.count(PromptVersion) == 3


def test_a_bad_text_is_said_at_the_text_and_kept(alice: Person, here: str) -> None:
    answer = alice.web.post(here, {"name": "Greeting", "template": "Hello {{ name", "note": "kept"})
    assert answer.status_code == 422
    assert 'aria-describedby="f-template-hint f-template-error"' in answer.text
    assert "never closed" in words(answer)
    assert 'value="kept"' in answer.text
    assert alice.count(Prompt) == 0


def test_the_preview_fills_in_what_there_is_and_stores_nothing(alice: Person, here: str, made: str) -> None:
    for address in (f"{here}/preview", f"{made}/preview"):
        answer = alice.web.post(
            address,
            {"name": "N", "template": "{{ a }} & {{ b.c }} {{ d }}", "values.a": "<{{ d }}>", "values.b": '{"c": 1}'},
        )
        assert answer.status_code == 200
        assert '&lt;{{ d }}&gt; &amp; 1 <span class="var">{{ d }}</span>' in answer.text
        assert 'name="values.d"' in answer.text
    assert alice.count(PromptVersion) == 2


def test_the_preview_says_what_is_wrong_and_keeps_the_samples(alice: Person, here: str) -> None:
    bad_text = alice.web.post(f"{here}/preview", {"template": "{{ a", "values.a": "kept"})
    assert "never closed" in words(bad_text)
    assert ">\nkept</textarea>" in bad_text.text
    bad_value = alice.web.post(f"{here}/preview", {"template": "{{ a.b }} {{ c }}", "values.a": "{", "values.c": "C"})
    assert "Give JSON" in words(bad_value)
    assert '<span class="var">{{ a.b }}</span> C' in bad_value.text


def test_two_versions_stand_side_by_side(alice: Person, made: str) -> None:
    for address in (f"{made}/diff", f"{made}/diff?from=1&to=2"):
        answer = alice.web.get(address)
        assert "<del>Hello</del>" in answer.text
        assert "<ins>Hi</ins>" in answer.text
    assert "Both have the same text" in words(alice.web.get(f"{made}/diff?from=2&to=2"))
    assert alice.web.get(f"{made}/diff?from=1&to=7").status_code == 404


def test_an_old_version_comes_back_as_a_new_one(alice: Person, made: str) -> None:
    assert f'action="{made}/versions/1/restore"' in alice.web.get(made).text
    alice.web.post(f"{made}/versions/1/restore")
    shown = words(alice.web.get(made))
    assert "Greeting version 3" in shown
    assert "Version 1 again" in shown
    alice.web.post(f"{made}/versions/1/restore")
    assert "has the text of version 1 already" in alice.web.get(made).text
    assert alice.count(PromptVersion) == 3


def test_a_prompt_is_renamed(alice: Person, here: str, made: str) -> None:
    alice.web.post(f"{made}/rename", {"name": "Welcome"})
    assert "Welcome" in words(alice.web.get(made))
    alice.web.post(here, {"name": "Taken", "template": "x"})
    alice.web.post(f"{made}/rename", {"name": "Taken"})
    answer = alice.web.get(made)
    assert "There is a prompt of this name" in answer.text
    assert "Welcome" in words(answer)


def test_archiving_offers_undo(alice: Person, here: str, made: str) -> None:
    assert alice.web.post(f"{made}/archive").headers["Location"] == here
    assert f'action="{made}/restore"' in alice.web.get(here).text
    assert "Greeting" in words(alice.web.get(f"{here}?archived=1"))
    shown = alice.web.get(made)
    assert "Archived" in words(shown)
    assert "/versions/new" not in shown.text
    assert alice.web.post(f"{made}/versions", {"template": "x"}).status_code == 409
    alice.web.post(f"{made}/restore")
    assert "is back" in alice.web.get(made).text


def test_the_list_is_searched(alice: Person, here: str, made: str) -> None:
    alice.web.post(here, {"name": "Farewell", "template": "Bye"})
    found = words(alice.web.get(f"{here}?q=greet"))
    assert "Greeting" in found
    assert "Farewell" not in found
    assert "No prompt has “100%” in its name." in words(alice.web.get(f"{here}?q=100%25"))


def test_a_viewer_sees_prompts_and_no_way_to_change_them(bob: Person, here: str, made: str) -> None:
    assert "Greeting" in words(bob.web.get(here))
    shown = bob.web.get(made)
    assert "Hi" in words(shown)
    assert not re.search(r"/versions/new|/restore|/rename|/archive", shown.text)
    assert [bob.web.get(path).status_code for path in (f"{here}/new", f"{made}/versions/new")] == [403, 403]
    for path in ("", "/preview"):
        assert bob.web.post(here + path, {"name": "X", "template": "x"}).status_code == 403
    for path in ("/versions", "/preview", "/versions/1/restore", "/rename", "/archive", "/restore"):
        assert bob.web.post(made + path, {"name": "X", "template": "x"}).status_code == 403


def test_to_a_stranger_there_is_nothing(charlie: Person, here: str, made: str) -> None:
    for path in ("", "/versions/1", "/versions/new", "/diff"):
        assert charlie.web.get(made + path).status_code == 404
    for path in ("/versions", "/preview", "/versions/1/restore", "/rename", "/archive", "/restore"):
        assert charlie.web.post(made + path, {"name": "X", "template": "x"}).status_code == 404
    assert charlie.web.get(here).status_code == 404


def test_a_prompt_is_found_in_its_own_project_alone(alice: Person, made: str) -> None:
    other = alice.api.post("/projects", {"name": "Warehouse"}).json["slug"]
    assert alice.web.get(f"/p/{other}/prompts/{made.rpartition('/')[2]}").status_code == 404


@pytest.mark.parametrize("count", [2, 20])
def test_statements_do_not_grow_with_rows(
    alice: Person, here: str, made: str, statements: Statements, count: int
) -> None:
    for number in range(count):
        alice.web.post(here, {"name": f"Prompt {number}", "template": "x"})
        alice.web.post(f"{made}/versions", {"template": f"Text {number}"})
    for path in (here, f"{here}/new", made, f"{made}/versions/1", f"{made}/versions/new", f"{made}/diff"):
        with statements() as seen:
            assert alice.web.get(path).status_code == 200
        assert len(seen) <= 8, seen
