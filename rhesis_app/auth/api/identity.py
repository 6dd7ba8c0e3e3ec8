"""Signing in, and API tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.auth import queries
from rhesis_app.auth.actions import register as registering
from rhesis_app.auth.actions import reset, sign_in, tokens
from rhesis_app.auth.actions.accept import Acceptance, accept_invitation
from rhesis_app.auth.actions.switching import switch_with_tokens
from rhesis_app.auth.queries import TokenView, asked_words, registered_words
from rhesis_app.auth.schemas import (
    AcceptArguments,
    FinishArguments,
    LoginArguments,
    NewPasswordArguments,
    RefreshArguments,
    RegisterArguments,
    ResetArguments,
    SwitchArguments,
    TokenArguments,
    TokenListArguments,
    new_account,
    new_token,
)
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import get_project
from rhesis_app.web.access import needs, needs_sign_in
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_identity, current_scope, runtime
from rhesis_app.web.tokens import make_token

blueprint = ApiBlueprint("auth_api", __name__, url_prefix="/api/v1", description="Sign in, and make API tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """An access token for `expires_in` seconds and the refresh token for the next one."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetAsked:
    """What happens now, said alike of every address."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What happens now, said alike of every address."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTokenView:
    """A new token: `token` is the secret, shown this once."""

    token: str
    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    project_id: UUID | None
    expires_at: datetime


@blueprint.route("/auth/login", methods=["POST"])
@blueprint.arguments(LoginArguments)
@blueprint.answers(200, TokenPair)
def login(arguments: dict[str, str]) -> TokenPair:
    """Sign in with e-mail address and password. A 401 with `errors.code` asks for a `code` as well, or for another one."""
    email, password = arguments["email"], arguments["password"]
    return _pair(sign_in.sign_in(runtime(), email, password, _client(), code=arguments["code"]))


@blueprint.route("/auth/refresh", methods=["POST"])
@blueprint.arguments(RefreshArguments)
@blueprint.answers(200, TokenPair)
def refresh(arguments: dict[str, str]) -> TokenPair:
    """Exchange a refresh token for new tokens; each works once."""
    return _pair(sign_in.refresh_session(runtime(), arguments["refresh_token"]))


def _while_open(view: Callable[..., Any]) -> Callable[..., Any]:
    """Closed registration says so before it looks at what was sent."""

    @wraps(view)
    def checked(*given: Any, **named: Any) -> Any:
        registering.require_open(runtime())
        return view(*given, **named)

    return checked


@blueprint.route("/auth/register", methods=["POST"])
@_while_open
@blueprint.arguments(RegisterArguments)
@blueprint.answers(202, Registered)
def register(arguments: dict[str, str]) -> Registered:
    """Ask for an account with an organization of its own, where the operator has opened registration; all get one answer."""
    registering.register(runtime(), new_account(arguments), ip=request.remote_addr)
    return Registered(detail=registered_words(runtime()))


@blueprint.route("/auth/register/confirm", methods=["POST"])
@_while_open
@blueprint.arguments(FinishArguments)
@blueprint.answers(201, TokenPair)
def confirm_registration(arguments: dict[str, str]) -> TokenPair:
    """Make the account, with the token of the letter's link and the password that was chosen."""
    token, password = arguments["token"], arguments["password"]
    return _pair(registering.finish_registration(runtime(), token, password, _client()))


@blueprint.route("/invitations/accept", methods=["POST"])
@blueprint.arguments(AcceptArguments)
@blueprint.answers(201, TokenPair)
def accept(arguments: dict[str, str]) -> TokenPair:
    """Use the token of an invitation's link: join, with a new account or, with its password, the one the address has."""
    return _pair(accept_invitation(runtime(), Acceptance(**arguments), _client()))


@blueprint.route("/auth/reset", methods=["POST"])
@blueprint.arguments(ResetArguments)
@blueprint.answers(202, ResetAsked)
def ask_for_reset(arguments: dict[str, str]) -> ResetAsked:
    """Ask for a link to set a new password; the answer is the same whoever is registered."""
    reset.ask_for_reset(runtime(), arguments["email"], ip=request.remote_addr)
    return ResetAsked(detail=asked_words(runtime()))


@blueprint.route("/auth/reset/confirm", methods=["POST"])
@blueprint.arguments(NewPasswordArguments)
@blueprint.answers(204)
def confirm_reset(arguments: dict[str, str]) -> None:
    """Set a new password with the token of a link; every session of the person ends."""
    reset.reset_password(runtime(), arguments["token"], arguments["password"], ip=request.remote_addr)


@blueprint.route("/auth/switch", methods=["POST"])
@needs_sign_in
@blueprint.arguments(SwitchArguments)
@blueprint.answers(200, TokenPair)
def switch(arguments: dict[str, Any]) -> TokenPair:
    """Make another of one's organizations the active one of this session, with tokens for it; the refresh token before ends."""
    entered, refresh_token = switch_with_tokens(
        runtime(), current_scope(), current_identity().session_id, arguments["organization_id"]
    )
    access = make_token(entered.user_id, entered.organization_id, entered.session_id, entered.permissions)
    return _tokens(access, refresh_token)


@blueprint.route("/auth/logout", methods=["POST"])
@needs_sign_in
@blueprint.answers(204)
def logout() -> None:
    """End the session of the access token; an API token has none and is revoked instead."""
    session_id = current_identity().session_id
    if session_id is not None:
        sign_in.sign_out(current_scope(), session_id)


@blueprint.route("/tokens")
class Tokens(MethodView):
    """API tokens of the signed-in user."""

    @needs(Permission.TOKEN_MANAGE)
    @blueprint.arguments(TokenListArguments, location="query")
    @blueprint.answers(200, TokenView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[TokenView]:
        """List your API tokens."""
        return queries.list_tokens(current_scope(), page_request(**arguments))

    @needs(Permission.TOKEN_MANAGE)
    @blueprint.arguments(TokenArguments)
    @blueprint.answers(201, NewTokenView)
    def post(self, arguments: dict[str, Any]) -> NewTokenView:
        """Make an API token; its secret is in this answer only."""
        wanted = new_token(arguments)
        if wanted.project_id is not None:
            get_project(current_scope(), wanted.project_id)
        return new_token_view(*tokens.create_token(current_scope(), wanted))


@blueprint.route("/tokens/<uuid:token_id>")
class Token(MethodView):
    """One API token."""

    @needs(Permission.TOKEN_MANAGE)
    @blueprint.answers(200, TokenView)
    def delete(self, token_id: UUID) -> TokenView:
        """Revoke an API token at once, and those it made."""
        return tokens.revoke_token(current_scope(), token_id)


def new_token_view(view: TokenView, secret: str) -> NewTokenView:
    """A token that was just made, with its secret."""
    return NewTokenView(
        token=secret,
        id=view.id,
        name=view.name,
        prefix=view.prefix,
        scopes=view.scopes,
        project_id=view.project_id,
        expires_at=view.expires_at,
    )


def _client() -> sign_in.Client:
    return sign_in.Client(kind="api", ip=request.remote_addr, user_agent=request.user_agent.string)


def _pair(signed_in: sign_in.SignedIn) -> TokenPair:
    host = runtime()
    row = host.ask("SELECT * FROM find_session(:id)", id=signed_in.session_id)[0]
    permissions = queries.permissions_of(row)
    access = make_token(signed_in.user_id, signed_in.organization_id, signed_in.session_id, permissions)
    return _tokens(access, signed_in.refresh_token or "")


def _tokens(access: str, refresh_token: str) -> TokenPair:
    return TokenPair(
        access_token=access,
        refresh_token=refresh_token,
        token_type="Bearer",  # noqa: S106 the kind of token
        expires_in=runtime().settings.access_token_minutes * 60,
    )
