"""The workbench: list, show, save, test calls before saving, mapping by a click, archive and restore."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask import Flask

from rhesis_app.endpoints.models import Endpoint
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from tests.fakes import Call, Reply, ScriptedEndpoint
from tests.pages.endpoints.workbench_form import form_values
from tests.people import Person
from tests.scripted_endpoint import json_reply

Watch = Callable[[], AbstractContextManager[list[str]]]


def shop(call: Call) -> Reply:
    return json_reply({
        "reply": {"text": f"You said {call.json['message']}"},
        "sources": [{"doc": "returns.md"}, {"doc": "refunds.md"}],
    })  # fmt: skip


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(shop) as running:
        yield running


@pytest.fixture
def here(project: ProjectView) -> str:
    return f"/p/{project.slug}/endpoints"


@pytest.fixture
def typed(server: ScriptedEndpoint) -> dict[str, str]:
    """What somebody typed into the form."""
    return {
        "name": "Shop",
        "url": server.url,
        "method": "POST",
        "headers": "Content-Type: application/json\nX-Tenant: acme",
        "request_template": '{"message": "{{ input }}"}',
        "response_mapping.output": "$.reply.text",
        "auth.kind": "none",
        "timeout_s": "60",
        "max_concurrency": "16",
        "sample": "Hi",
    }


@pytest.fixture
def saved(alice: Person, here: str, typed: dict[str, str]) -> str:
    """The id of a saved endpoint."""
    assert alice.web.post(here, typed).status_code == 303
    return str(alice.api.get("/endpoints").json[0]["id"])


def test_an_empty_list_offers_the_next_step(alice: Person, here: str) -> None:
    page = alice.web.get(here)
    assert page.status_code == 200
    assert "No endpoint yet" in page.text
    assert f'href="{here}/new"' in page.text


def test_the_list_shows_what_there_is(alice: Person, here: str, saved: str) -> None:
    assert f'href="{here}/{saved}"' in alice.web.get(here).text


@pytest.mark.parametrize(
    ("preset", "path"), [("json-chat", "$.reply"), ("openai-chat", "$.choices[0].message.content")]
)
def test_a_preset_fills_everything_but_the_address(alice: Person, here: str, preset: str, path: str) -> None:
    page = alice.web.get(f"{here}/new?preset={preset}")
    values = form_values(page.text)
    assert values["response_mapping.output"] == path
    assert values["url"] == ""


def test_a_test_call_works_before_anything_is_saved(
    alice: Person, here: str, typed: dict[str, str], server: ScriptedEndpoint
) -> None:
    page = alice.web.post(f"{here}/try", typed | {"name": ""})
    assert page.status_code == 200
    assert "You said Hi" in page.text
    assert "text, 11 characters" in page.text
    assert server.calls[0].headers["x-tenant"] == "acme"
    assert alice.count(Endpoint) == 0


def test_a_path_that_finds_nothing_is_answered_with_one_that_would(
    alice: Person, here: str, typed: dict[str, str], server: ScriptedEndpoint
) -> None:
    page = alice.web.post(f"{here}/try", typed | {"response_mapping.output": "$.answer"})
    assert "$.answer found nothing" in page.text
    assert 'name="use" value="$.reply.text"' in page.text
    used = alice.web.post(f"{here}/map", form_values(page.text) | {"use": "$.reply.text"})
    assert form_values(used.text)["response_mapping.output"] == "$.reply.text"
    assert "Test call answered" in used.text
    assert server.count == 1


def test_a_click_in_the_answer_maps_it_without_another_call(
    alice: Person, here: str, typed: dict[str, str], server: ScriptedEndpoint
) -> None:
    page = alice.web.post(f"{here}/try", typed)
    values = form_values(page.text) | {"map_to": "context", "map": "$.sources[0].doc"}
    mapped = alice.web.post(f"{here}/map", values)
    assert form_values(mapped.text)["response_mapping.context"] == "$.sources[*].doc"
    assert "2 items" in mapped.text
    assert server.count == 1


def test_what_cannot_be_called_is_said_at_its_fields_and_nothing_is_sent(
    alice: Person, here: str, typed: dict[str, str], server: ScriptedEndpoint
) -> None:
    wrong = {"request_template": '{"message": {{ input }}}', "headers": "no colon", "timeout_s": "soon"}
    page = alice.web.post(f"{here}/try", typed | wrong)
    assert page.status_code == 422
    for field in ("request_template", "headers", "timeout_s"):
        assert f'id="f-{field}-error"' in page.text
    assert form_values(page.text)["headers"] == "no colon"
    assert server.count == 0


def test_saving_says_every_problem_and_keeps_what_was_typed(alice: Person, here: str, typed: dict[str, str]) -> None:
    page = alice.web.post(here, typed | {"name": "", "url": "nowhere", "response_mapping.output": ""})
    assert page.status_code == 422
    for field in ("f-name", "f-url", "response_mapping-output"):
        assert f'id="{field}-error"' in page.text
    assert form_values(page.text)["url"] == "nowhere"
    assert alice.count(Endpoint) == 0


def test_a_taken_name_is_said_at_the_field(alice: Person, here: str, saved: str, typed: dict[str, str]) -> None:
    page = alice.web.post(here, typed)
    assert page.status_code == 422
    assert "There is an endpoint of this name" in page.text


def test_a_saved_endpoint_comes_back_as_it_was_typed(
    alice: Person, here: str, saved: str, typed: dict[str, str]
) -> None:
    values = form_values(alice.web.get(f"{here}/{saved}").text)
    values["request_template"] = '{"message": "{{ input }}"}'
    assert {name: values[name] for name in typed if name != "sample"} == {
        name: typed[name] for name in typed if name != "sample"
    }


def test_a_change_is_saved(alice: Person, here: str, saved: str) -> None:
    values = form_values(alice.web.get(f"{here}/{saved}").text) | {"timeout_s": "90"}
    answer = alice.web.post(f"{here}/{saved}", values)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{here}/{saved}")
    assert alice.api.get(f"/endpoints/{saved}").json["timeout_s"] == 90


def test_a_change_of_something_newer_is_refused_with_a_word(alice: Person, here: str, saved: str) -> None:
    values = form_values(alice.web.get(f"{here}/{saved}").text)
    alice.api.patch(f"/endpoints/{saved}", {"timeout_s": 30})
    answer = alice.web.post(f"{here}/{saved}", values)
    assert answer.status_code == 422
    assert "Somebody changed this" in answer.text


def test_moving_away_says_that_the_secret_was_cleared(
    alice: Person, here: str, saved: str, typed: dict[str, str]
) -> None:
    alice.web.post(f"{here}/{saved}", typed | {"auth.kind": "bearer", "auth.secret": "hush-hush"})
    assert alice.api.get(f"/endpoints/{saved}").json["has_secret"]
    alice.web.post(f"{here}/{saved}", typed | {"auth.kind": "bearer", "url": "http://127.0.0.1:9001/chat"})
    assert "The secret was cleared" in alice.web.get(here).text


def test_an_empty_secret_keeps_the_stored_one_and_the_test_call_uses_it(
    alice: Person, here: str, saved: str, typed: dict[str, str], server: ScriptedEndpoint
) -> None:
    alice.web.post(f"{here}/{saved}", typed | {"auth.kind": "bearer", "auth.secret": "hush-hush"})
    values = form_values(alice.web.get(f"{here}/{saved}").text)
    assert values["auth.secret"] == ""
    alice.web.post(f"{here}/{saved}", values)
    page = alice.web.post(f"{here}/{saved}/try", values)
    assert "You said" in page.text
    assert server.calls[-1].headers["authorization"] == "Bearer hush-hush"
    assert "hush" not in page.text


def test_archiving_offers_undo_and_undo_brings_it_back(alice: Person, here: str, saved: str) -> None:
    alice.web.post(f"{here}/{saved}/archive")
    page = alice.web.get(here)
    assert f'action="{here}/{saved}/restore"' in page.text
    assert f'href="{here}/{saved}"' not in page.text
    assert f'href="{here}/{saved}"' in alice.web.get(f"{here}?archived=1").text
    assert "Bring back" in alice.web.get(f"{here}/{saved}").text
    alice.web.post(f"{here}/{saved}/restore")
    assert f'href="{here}/{saved}"' in alice.web.get(here).text


def test_restoring_into_a_taken_name_says_so(alice: Person, here: str, saved: str, typed: dict[str, str]) -> None:
    alice.web.post(f"{here}/{saved}/archive")
    alice.web.post(here, typed)
    alice.web.post(f"{here}/{saved}/restore")
    assert "There is an endpoint of this name" in alice.web.get(here).text


def test_who_may_only_read_looks_and_changes_nothing(bob: Person, here: str, saved: str, typed: dict[str, str]) -> None:
    page = bob.web.get(f"{here}/{saved}")
    assert page.status_code == 200
    assert '<fieldset class="stack" disabled>' in page.text
    assert "Send a test call" not in page.text
    for path in (here, f"{here}/try", f"{here}/{saved}", f"{here}/{saved}/map", f"{here}/{saved}/archive"):
        assert bob.web.post(path, typed).status_code == 403


def test_a_stranger_gets_404(charlie: Person, here: str, saved: str, typed: dict[str, str]) -> None:
    assert charlie.web.get(here).status_code == 404
    assert charlie.web.get(f"{here}/{saved}").status_code == 404
    for path in (here, f"{here}/try", f"{here}/{saved}", f"{here}/{saved}/try", f"{here}/{saved}/archive"):
        assert charlie.web.post(path, typed).status_code == 404


def test_an_endpoint_of_another_project_is_not_shown_in_this_one(
    alice: Person, here: str, saved: str, typed: dict[str, str]
) -> None:
    with alice.scope() as scope:
        other = create_project(scope, "Other")
    assert alice.web.get(f"/p/{other.slug}/endpoints/{saved}").status_code == 404
    assert alice.web.post(f"/p/{other.slug}/endpoints/{saved}/try", typed).status_code == 404


def test_nobody_gets_in_without_signing_in(app: Flask, here: str) -> None:
    assert app.test_client().get(here).headers["Location"].startswith("/login")


def test_pages_ask_the_database_little_whatever_there_is(
    alice: Person, here: str, saved: str, typed: dict[str, str], statements: Watch
) -> None:
    def counted(path: str) -> int:
        with statements() as seen:
            assert alice.web.get(path).status_code == 200
        return len(seen)

    few = counted(here)
    for number in range(5):
        alice.web.post(here, typed | {"name": f"Shop {number}"})
    assert counted(here) == few <= 8
    assert counted(f"{here}/{saved}") <= 8


@pytest.mark.parametrize("seen", ["", "x", '{"status": 1}'])
def test_a_carried_answer_that_was_tampered_with_is_left_out(
    alice: Person, here: str, typed: dict[str, Any], seen: str
) -> None:
    page = alice.web.post(f"{here}/map", typed | {"seen": seen, "map": "$.a", "map_to": "nonsense", "auth.kind": "odd"})
    assert page.status_code == 200
    assert 'name="seen"' not in page.text
