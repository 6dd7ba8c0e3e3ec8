"""Letting a browser in: who it is, and the cookie of its session."""

from flask import Response, request

from rhesis_app.auth import queries
from rhesis_app.auth.actions.sign_in import Client, SignedIn
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.permissions import BUILT_IN_ROLES
from rhesis_app.projects.actions import create_project
from rhesis_app.web.htmx import go_to
from rhesis_app.web.scope import runtime
from rhesis_app.web.tokens import life_until, make_token, set_session_cookie


def client_of_request(*, stay: bool = False) -> Client:
    """The browser that asks."""
    return Client(kind="dashboard", ip=request.remote_addr, user_agent=request.user_agent.string, stay=stay)


def enter_anew(made: SignedIn) -> Response:
    """Go to the start page of an organization that was founded just now, with a first project to connect an application in."""
    owner = Actor(
        kind="user", user_id=made.user_id, organization_id=made.organization_id, permissions=BUILT_IN_ROLES["Owner"]
    )
    with runtime().open_scope(owner, ip=request.remote_addr) as scope:
        create_project(scope, "First project")
    return enter(made, "/", stay=False)


def enter(made: SignedIn, target: str, *, stay: bool) -> Response:
    """Go on to `target` with a new session."""
    row = runtime().ask("SELECT * FROM find_session(:id)", id=made.session_id)[0]
    permissions, life = queries.permissions_of(row), life_until(made.expires_at)
    token = make_token(made.user_id, made.organization_id, made.session_id, permissions, life=life)
    response = go_to(target)
    set_session_cookie(response, token, expires_at=made.expires_at, stay=stay)
    return response


def provider_label() -> str:
    """What people know the single sign-on provider by; empty without one."""
    sign_on = runtime().sign_on
    return sign_on.label if sign_on is not None else ""
