"""Somebody's own chat server is connected by pasting its curl: read, called, mapped, saved."""

from collections.abc import Iterator

import pytest

from rhesis_app.endpoints.models import Endpoint
from rhesis_app.infra.http import AllowList, OutboundDoor
from rhesis_app.projects.queries import ProjectView
from tests.fakes import Call, Reply, ScriptedEndpoint
from tests.pages.endpoints.workbench_form import form_values
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


def test_the_whole_way_is_two_posts(alice: Person, project: ProjectView, server: ScriptedEndpoint) -> None:
    page = alice.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": curl(server)})
    assert "The reply was found at $.answer.text" in page.text
    assert form_values(page.text)["name"] == f"127.0.0.1:{server.port}"


def test_a_second_curl_of_the_same_server_gets_a_name_that_is_free(
    alice: Person, project: ProjectView, server: ScriptedEndpoint
) -> None:
    for wanted in (f"127.0.0.1:{server.port}", f"127.0.0.1:{server.port} 2"):
        page = alice.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": curl(server)})
        values = form_values(page.text)
        assert values["name"] == wanted
        assert alice.web.post(f"/p/{project.slug}/endpoints", values).status_code == 303


def test_a_credential_goes_into_the_secret_and_is_sealed_when_saved(
    alice: Person, project: ProjectView, server: ScriptedEndpoint
) -> None:
    command = curl(server, "-H 'Authorization: Bearer hush-hush'")
    values = form_values(alice.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": command}).text)
    assert (values["auth.kind"], values["auth.secret"]) == ("bearer", "hush-hush")
    assert server.calls[0].headers["authorization"] == "Bearer hush-hush"
    assert "hush" not in values["seen"] + values["headers"]
    alice.web.post(f"/p/{project.slug}/endpoints", values)
    listed = alice.api.get("/endpoints").json[0]
    assert listed["has_secret"]
    shown = alice.web.get(f"/p/{project.slug}/endpoints/{listed['id']}")
    assert shown.status_code == 200
    assert "hush" not in shown.text


def test_a_server_that_is_away_leaves_the_form_filled_and_says_so(
    alice: Person, project: ProjectView, server: ScriptedEndpoint
) -> None:
    server.close()
    page = alice.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": curl(server)})
    assert page.status_code == 200
    assert form_values(page.text)["url"] == server.url
    assert "Nothing answers at 127.0.0.1" in page.text


def test_a_closed_address_names_the_line_to_set(
    alice: Person, project: ProjectView, server: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alice.host, "door", OutboundDoor(AllowList(), allow_local=False))
    page = alice.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": curl(server)})
    assert f"RHESIS_ALLOW_TARGETS=127.0.0.1:{server.port}" in page.text


@pytest.mark.parametrize("command", ["", "wget http://localhost", "curl -F file=@x http://localhost"])
def test_what_is_no_usable_curl_is_said_at_the_field_and_kept(
    alice: Person, project: ProjectView, command: str
) -> None:
    page = alice.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": command})
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text
    assert command in page.text


def test_a_plain_text_server_is_taken_whole(alice: Person, project: ProjectView) -> None:
    with ScriptedEndpoint(always(text_reply("Just words"))) as plain:
        page = alice.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": curl(plain)})
    assert form_values(page.text)["response_mapping.output"] == "$"


def test_who_may_only_read_connects_nothing(bob: Person, project: ProjectView, server: ScriptedEndpoint) -> None:
    assert bob.web.get(f"/p/{project.slug}/endpoints/new").status_code == 403
    assert bob.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": curl(server)}).status_code == 403
    assert server.count == 0


def test_a_stranger_gets_404(charlie: Person, project: ProjectView, server: ScriptedEndpoint) -> None:
    assert charlie.web.post(f"/p/{project.slug}/endpoints/from-curl", {"curl": curl(server)}).status_code == 404
    assert server.count == 0
