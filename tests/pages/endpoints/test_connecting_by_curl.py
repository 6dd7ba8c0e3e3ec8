"""Somebody's own chat server is connected by pasting its curl: read, called, mapped, saved."""

import html
import re
from collections.abc import Iterator

import pytest

from rhesis_app.endpoints.models import Endpoint
from rhesis_app.projects.queries import ProjectView
from tests.fakes import Call, Reply, ScriptedEndpoint
from tests.people import Person
from tests.scripted_endpoint import always, json_reply, text_reply


def chat(call: Call) -> Reply:
    return json_reply({"id": "c_1", "answer": {"text": f"You said {call.json['message']}"}, "took_ms": 12})


@pytest.fixture
def server() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint(chat) as running:
        yield running


def curl(server: ScriptedEndpoint, *extra: str) -> str:
    parts = [f"curl -s {server.url}", "-H 'Content-Type: application/json'", *extra, """-d '{"message": "Hi"}'"""]
    return " \\\n  ".join(parts)


def form_values(page: str) -> dict[str, str]:
    """What the workbench's form would post."""
    form = re.search(r'<form class="stack" id="endpoint-form".*?</form>', page, re.DOTALL)
    assert form
    values = {}
    for tag in re.findall(r"<input\b[^>]*>", form[0]):
        name, value = re.search(r' name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and (' type="radio"' not in tag or " checked" in tag):
            values[name[1]] = html.unescape(value[1]) if value else ""
    for name, text in re.findall(r'<textarea\b[^>]* name="([^"]*)"[^>]*>\n(.*?)</textarea>', form[0], re.DOTALL):
        values[name] = html.unescape(text)
    for name, options in re.findall(r'<select\b[^>]* name="([^"]*)"[^>]*>(.*?)</select>', form[0], re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[name] = chosen[1] if chosen else ""
    return values


def test_reading_a_curl_fills_the_form_calls_and_finds_the_reply(
    alice: Person, project: ProjectView, server: ScriptedEndpoint
) -> None:
    page = alice.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": curl(server)})
    assert page.status_code == 200
    values = form_values(page.text)
    assert values["url"] == server.url
    assert values["response_mapping.output"] == "$.answer.text"
    assert '"message": "{{ input }}"' in values["request_template"]
    assert "You said Hello!" in page.text
    assert server.count == 1
    assert alice.count(Endpoint) == 0


def test_the_filled_form_saves_as_it_is_and_goes_on_to_the_first_check(
    alice: Person, project: ProjectView, server: ScriptedEndpoint
) -> None:
    page = alice.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": curl(server)})
    answer = alice.web.post(f"/p/{project.slug}/endpoints", form_values(page.text))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"/p/{project.slug}/quick-check?endpoint=")
    assert alice.count(Endpoint, url=server.url) == 1
