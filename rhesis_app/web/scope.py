"""The current request's runtime, identity and scope."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from flask import Flask, current_app, g, request

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Unauthenticated
from rhesis_app.kernel.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the guard found: the actor, and what the layout says about the person. Empty texts for a token.

    `delete_after` is when the organization will be erased, None while nobody deletes it.
    """

    actor: Actor
    session_id: UUID | None = None
    user_name: str = ""
    user_email: str = ""
    organization_name: str = ""
    role_name: str = ""
    theme: str = "auto"
    is_demo: bool = False
    delete_after: datetime | None = None
    unread: int = 0


def runtime() -> Runtime:
    """The process's runtime."""
    return cast(Runtime, current_app.extensions["rhesis"])


def current_identity() -> Identity:
    """Who is signed in; Unauthenticated on routes without anybody."""
    identity: Identity | None = g.get("identity")
    if identity is None:
        raise Unauthenticated("Sign in, or send an API token as “Authorization: Bearer …”.")
    return identity


def current_scope() -> Scope:
    """The request's scope, opened at first use and closed when the request ends."""
    scope: Scope | None = g.get("scope")
    if scope is None:
        scope = runtime().make_scope(current_identity().actor, ip=request.remote_addr)
        g.scope = scope
    return scope


def release_connection() -> None:
    """Give the database connection back before waiting or calling out; the scope goes on with a new transaction."""
    scope: Scope | None = g.get("scope")
    if scope is not None:
        scope.session.rollback()


def close_scopes(app: Flask) -> None:
    """Close the request's session at its end; what was not committed is rolled back."""

    @app.teardown_request
    def _close(_error: Any) -> None:
        scope: Scope | None = g.pop("scope", None)
        if scope is not None:
            scope.session.close()
