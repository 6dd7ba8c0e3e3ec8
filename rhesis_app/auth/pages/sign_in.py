"""Signing in and out, the first start, API tokens."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from rhesis_app.auth import queries
from rhesis_app.auth.actions import first_start as links
from rhesis_app.auth.actions import sign_in
from rhesis_app.auth.actions import tokens as api_tokens
from rhesis_app.auth.forms import FirstStartForm, LoginForm, TokenForm, account_from, token_form, token_from
from rhesis_app.auth.pages.entering import client_of_request, enter, enter_anew, provider_label
from rhesis_app.auth.pages.service_accounts import service_roles
from rhesis_app.auth.pages.token_rows import FreshToken, token_views
from rhesis_app.kernel.errors import AppError, Invalid, NotFound, TooMany
from rhesis_app.kernel.paging import MAX_LIMIT, PageRequest
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import get_project
from rhesis_app.tenancy.queries.members import list_roles
from rhesis_app.web.access import needs, needs_sign_in
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_bare, render_page, safe_next, say
from rhesis_app.web.scope import current_identity, current_scope, runtime
from rhesis_app.web.tokens import clear_session_cookie

blueprint = Blueprint("auth", __name__)


@blueprint.get("/login")
def login() -> Response:
    """The sign-in page."""
    return _login_page(LoginForm(next=safe_next(request.args.get("next"))))


@blueprint.post("/login")
def submit_login() -> Response:
    """Check and go on; to the second step where a code is needed."""
    form = _login_form()
    client = client_of_request(stay=form.stay_signed_in)
    try:
        made = sign_in.begin_sign_in(runtime(), form.email, request.form.get("password", ""), client)
    except AppError as error:
        return _login_page(form, status=error.status, message=error.detail)
    if isinstance(made, str):
        return _code_page(form, made)
    return enter(made, form.next, stay=form.stay_signed_in)


@blueprint.post("/login/code")
def submit_code() -> Response:
    """The second step."""
    form, ticket = _login_form(), request.form.get("ticket", "")
    client = client_of_request(stay=form.stay_signed_in)
    try:
        made = sign_in.finish_sign_in(runtime(), ticket, request.form.get("code", ""), client)
    except (Invalid, TooMany) as error:
        message = "" if error.errors else error.detail
        return _code_page(form, ticket, status=error.status, errors=error.errors, message=message)
    except AppError as error:
        return _login_page(form, status=error.status, message=error.detail)
    return enter(made, form.next, stay=form.stay_signed_in)


@blueprint.post("/logout")
@needs_sign_in
def logout() -> Response:
    """End this session."""
    session_id = current_identity().session_id
    if session_id is not None:
        sign_in.sign_out(current_scope(), session_id)
    response = go_to("/login")
    clear_session_cookie(response)
    return response


@blueprint.get("/start/<token>")
def first_start(token: str) -> Response:
    """The page that makes the first owner."""
    if not links.first_start_is_open(runtime(), token):
        raise NotFound(
            "This link was used already or is too old. `rhesis-app first-link` prints a new one while nobody is registered."
        )
    return render_bare(
        "auth/first_start.html",
        token=token,
        form=FirstStartForm(organization_name="My organization"),
        errors={},
        message="",
    )


@blueprint.post("/start/<token>")
def submit_first_start(token: str) -> Response:
    """Make organization and owner, and sign in."""
    account = account_from(request.form)
    form = FirstStartForm(organization_name=account.organization_name, name=account.name, email=account.email)
    try:
        made = links.first_start(runtime(), token, account, client_of_request())
    except Invalid as error:
        return render_bare("auth/first_start.html", status=422, token=token, form=form, errors=error.errors, message="")
    return enter_anew(made)


@blueprint.get("/sign-in/<token>")
def sign_in_link(token: str) -> Response:
    """A look at the link; it is used up by the button alone."""
    return render_bare("auth/sign_in_link.html", token=token, email="")


@blueprint.post("/sign-in/<token>")
def submit_sign_in_link(token: str) -> Response:
    """Use the link."""
    made = links.sign_in_by_link(runtime(), token, client_of_request())
    return enter(made, safe_next(made.target), stay=False)


@blueprint.get("/settings/tokens")
@needs(Permission.TOKEN_MANAGE)
def tokens() -> Response:
    """Your API tokens."""
    return _tokens_page(TokenForm())


@blueprint.post("/settings/tokens")
@needs(Permission.TOKEN_MANAGE)
def create_token() -> Response:
    """Make a token and show its secret once."""
    form = token_form(request.form)
    try:
        wanted = token_from(request.form, current_scope().actor.permissions)
        if wanted.project_id is not None:
            get_project(current_scope(), wanted.project_id)
        view, secret = api_tokens.create_token(current_scope(), wanted)
    except Invalid as error:
        return _tokens_page(form, errors=error.errors, message=error.detail, status=422)
    return _tokens_page(TokenForm(), fresh=FreshToken(name=view.name, secret=secret), status=201)


@blueprint.post("/settings/tokens/<uuid:token_id>/revoke")
@needs(Permission.TOKEN_MANAGE)
def revoke_token(token_id: UUID) -> Response:
    """End a token."""
    view = api_tokens.revoke_token(current_scope(), token_id)
    say(f"“{view.name}” was revoked.")
    return go_to("/settings/tokens")


def _login_form() -> LoginForm:
    return LoginForm(
        email=request.form.get("email", ""),
        stay_signed_in="stay_signed_in" in request.form,
        next=safe_next(request.form.get("next")),
    )


def _code_page(form: LoginForm, ticket: str, *, status: int = 200, **said: Any) -> Response:
    views = {"errors": {}, "message": "", **said}
    return render_bare("auth/second_step.html", status=status, form=form, ticket=ticket, **views)


def _login_page(form: LoginForm, *, status: int = 200, message: str = "") -> Response:
    is_new = queries.needs_first_owner(runtime())
    return render_bare(
        "auth/login.html",
        status=status,
        form=form,
        errors={},
        message=message,
        is_new=is_new,
        is_open=runtime().registers,
        provider=provider_label(),
    )


def _tokens_page(form: TokenForm, *, status: int = 200, fresh: FreshToken | None = None, **said: Any) -> Response:
    scope = current_scope()
    mine = queries.list_tokens(scope, PageRequest(limit=MAX_LIMIT)).items
    shows_services = scope.may(Permission.MEMBER_MANAGE)
    return render_page(
        "auth/tokens.html",
        section="tokens",
        status=status,
        **token_views(scope, mine, form, scope.actor.permissions, fresh=fresh, **said),
        shows_services=shows_services,
        services=queries.list_service_accounts(scope, PageRequest(limit=MAX_LIMIT)).items if shows_services else (),
        roles=service_roles(list_roles(scope)) if shows_services else (),
    )
