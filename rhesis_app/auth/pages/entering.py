"""Letting a browser in: who it is, and the cookie of its session."""

from datetime import datetime, timedelta
from uuid import UUID

from flask import Response, request

from rhesis_app.auth import queries
from rhesis_app.auth.actions.sign_in import Client, SignedIn
from rhesis_app.web.htmx import go_to
from rhesis_app.web.scope import runtime
from rhesis_app.web.tokens import make_token, set_session_cookie


def client_of_request(*, stay: bool = False) -> Client:
    """The browser that asks."""
    return Client(kind="dashboard", ip=request.remote_addr, user_agent=request.user_agent.string, stay=stay)


def enter(made: SignedIn, target: str, *, stay: bool) -> Response:
    """Go on to `target` with a new session."""
    response = go_to(target)
    keep_session(response, made.session_id, stay=stay)
    return response


def keep_session(response: Response, session_id: UUID, *, stay: bool) -> None:
    """Give the browser the cookie of a session as it stands now."""
    row = runtime().ask("SELECT * FROM find_session(:id)", id=session_id)[0]
    expires_at: datetime = row["expires_at"]
    life = expires_at - datetime.now(expires_at.tzinfo) + timedelta(minutes=1)
    token = make_token(row["user_id"], row["organization_id"], session_id, queries.permissions_of(row), life=life)
    set_session_cookie(response, token, expires_at=expires_at, stay=stay)
