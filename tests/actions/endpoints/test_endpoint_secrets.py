"""A secret belongs to one row and one origin: it is sealed at rest, lent to test calls, and cleared by a move."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from rhesis_app.endpoints.actions import calls, edit
from rhesis_app.endpoints.actions.exchange import ask, open_secret, prepare, snapshot_of
from rhesis_app.endpoints.actions.fields import Auth, EndpointChanges, NewEndpoint, Tools
from rhesis_app.endpoints.models import Endpoint, EndpointThrottle
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Forbidden, NotFound
from rhesis_app.kernel.permissions import BUILT_IN_ROLES
from rhesis_app.projects.queries import ProjectView
from tests.fakes import ScriptedEndpoint
from tests.people import Person

SECRET = "hush-hush-hush"


@pytest.fixture
def tools(host: Runtime) -> Tools:
    return Tools(door=host.door, secrets=host.secrets)


@pytest.fixture
def member(alice: Person) -> Person:
    """Somebody in Alice's organization who may edit endpoints and keep no secrets."""
    actor = Actor(
        kind="user",
        user_id=alice.actor.user_id,
        organization_id=alice.actor.organization_id,
        permissions=BUILT_IN_ROLES["Member"],
    )
    return Person(app=alice.app, host=alice.host, actor=actor, email=alice.email)


def chat(project: ProjectView, url: str = "http://127.0.0.1:9000/chat", **values: Any) -> NewEndpoint:
    return NewEndpoint(
        project_id=project.id,
        name="Chat",
        url=url,
        request_template={"message": "{{ input }}"},
        response_mapping={"output": "$.reply"},
        **values,
    )


def guarded(alice: Person, tools: Tools, project: ProjectView, url: str = "http://127.0.0.1:9000/chat") -> UUID:
    with alice.scope() as scope:
        return edit.create_endpoint(scope, tools, chat(project, url, auth=Auth(kind="bearer", secret=SECRET))).id


def test_an_endpoint_is_made_with_its_throttle(alice: Person, tools: Tools, project: ProjectView) -> None:
    with alice.scope() as scope:
        view = edit.create_endpoint(scope, tools, chat(project))
    assert alice.count(EndpointThrottle, endpoint_id=view.id) == 1


def test_a_secret_is_sealed_at_rest_and_opens_for_its_row_alone(
    alice: Person, tools: Tools, project: ProjectView
) -> None:
    endpoint_id = guarded(alice, tools, project)
    with alice.scope() as scope:
        row = scope.session.scalars(select(Endpoint).where(Endpoint.id == endpoint_id)).one()
        assert row.secret is not None
        assert SECRET not in row.secret
        opened = open_secret(scope, tools.secrets, endpoint_id)
        assert opened is not None
        assert (opened.value, opened.origin) == (SECRET, "http://127.0.0.1:9000")


def test_a_stranger_opens_nothing(charlie: Person, alice: Person, tools: Tools, project: ProjectView) -> None:
    endpoint_id = guarded(alice, tools, project)
    with charlie.scope() as scope:
        assert open_secret(scope, tools.secrets, endpoint_id) is None


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:9000/chat", "http://127.0.0.2:9000/chat", "http://127.0.0.1:9001/chat"]
)
def test_another_scheme_host_or_port_clears_the_secret_and_says_so(
    alice: Person, tools: Tools, project: ProjectView, url: str
) -> None:
    endpoint_id = guarded(alice, tools, project)
    with alice.scope() as scope:
        view = edit.update_endpoint(scope, tools, endpoint_id, EndpointChanges(url=url))
    assert not view.has_secret
    assert view.secret_origin is None
    assert "http://127.0.0.1:9000" in view.warnings[0]


def test_another_path_keeps_the_secret(alice: Person, tools: Tools, project: ProjectView) -> None:
    endpoint_id = guarded(alice, tools, project)
    with alice.scope() as scope:
        view = edit.update_endpoint(scope, tools, endpoint_id, EndpointChanges(url="http://127.0.0.1:9000/v2"))
    assert view.has_secret
    assert view.warnings == ()


def test_a_secret_given_with_the_move_is_kept_for_the_new_origin(
    alice: Person, tools: Tools, project: ProjectView
) -> None:
    endpoint_id = guarded(alice, tools, project)
    changes = EndpointChanges(url="http://127.0.0.1:9001/chat", auth=Auth(kind="bearer", secret="another-one"))
    with alice.scope() as scope:
        view = edit.update_endpoint(scope, tools, endpoint_id, changes)
    assert (view.has_secret, view.secret_origin, view.warnings) == (True, "http://127.0.0.1:9001", ())


def test_no_authentication_forgets_the_secret(alice: Person, tools: Tools, project: ProjectView) -> None:
    endpoint_id = guarded(alice, tools, project)
    with alice.scope() as scope:
        assert not edit.update_endpoint(scope, tools, endpoint_id, EndpointChanges(auth=Auth())).has_secret


def test_a_member_edits_the_rest_but_sets_no_secret(
    member: Person, alice: Person, tools: Tools, project: ProjectView
) -> None:
    endpoint_id = guarded(alice, tools, project)
    with member.scope() as scope:
        assert edit.update_endpoint(scope, tools, endpoint_id, EndpointChanges(name="Renamed")).has_secret
        with pytest.raises(Forbidden, match="endpoint:secret"):
            edit.update_endpoint(
                scope, tools, endpoint_id, EndpointChanges(auth=Auth(kind="bearer", secret="mine-now"))
            )
        with pytest.raises(Forbidden, match="endpoint:secret"):
            edit.create_endpoint(scope, tools, chat(project, auth=Auth(kind="bearer", secret="mine-now")))


def test_a_member_does_not_move_a_stored_secret_into_another_header(
    member: Person, alice: Person, tools: Tools, project: ProjectView
) -> None:
    endpoint_id = guarded(alice, tools, project)
    moved = Auth(kind="header", header="X-Shown-In-Logs")
    with member.scope() as scope:
        with pytest.raises(Forbidden):
            edit.update_endpoint(scope, tools, endpoint_id, EndpointChanges(auth=moved))
        with pytest.raises(Forbidden):
            calls.prepare_trial(scope, tools, chat(project, auth=moved), endpoint_id=endpoint_id)


def test_a_test_call_of_unsaved_settings_borrows_the_stored_secret_at_its_origin_only(
    alice: Person, tools: Tools, project: ProjectView
) -> None:
    with ScriptedEndpoint() as server, ScriptedEndpoint() as elsewhere:
        endpoint_id = guarded(alice, tools, project, server.url)
        draft = chat(project, server.url, auth=Auth(kind="bearer"))
        with alice.scope() as scope:
            here = calls.prepare_trial(scope, tools, draft, endpoint_id=endpoint_id)
            there = calls.prepare_trial(scope, tools, replace(draft, url=elsewhere.url), endpoint_id=endpoint_id)
        assert calls.try_call(tools.door, here, "Hi").error_code is None
        assert server.calls[0].headers["authorization"] == f"Bearer {SECRET}"
        assert calls.try_call(tools.door, there, "Hi").error_code == "secret"
        assert elsewhere.count == 0


def test_a_run_planned_before_a_move_never_sends_the_new_secret_to_the_old_address(
    alice: Person, tools: Tools, project: ProjectView
) -> None:
    with ScriptedEndpoint() as server:
        endpoint_id = guarded(alice, tools, project, server.url)
        with alice.scope() as scope:
            planned = snapshot_of(scope.get(Endpoint, endpoint_id))
        changes = EndpointChanges(url="http://127.0.0.1:9001/chat", auth=Auth(kind="bearer", secret="another-one"))
        with alice.scope() as scope:
            edit.update_endpoint(scope, tools, endpoint_id, changes)
            prepared = prepare(planned, open_secret(scope, tools.secrets, endpoint_id))
        exchange = ask(tools.door, prepared, calls.Invocation(input="Hi").roots())
        assert exchange.error_code == "secret"
        assert server.count == 0


def test_a_trial_for_an_endpoint_of_strangers_is_not_found(
    charlie: Person, alice: Person, tools: Tools, project: ProjectView
) -> None:
    endpoint_id = guarded(alice, tools, project)
    with charlie.scope() as scope, pytest.raises(NotFound):
        calls.prepare_trial(scope, tools, chat(project, auth=Auth(kind="bearer")), endpoint_id=endpoint_id)
