"""Single sign-on: to the provider and back, and what of it belongs to one's profile."""

from flask import Blueprint, Response, request, url_for

from rhesis_app.auth.actions.sso import STATE, STATE_LIFE, Begun, Return, begin_sso, disconnect_sso, finish_sso
from rhesis_app.auth.actions.sso_refusals import NeedsPassword
from rhesis_app.auth.pages.entering import client_of_request, enter
from rhesis_app.auth.queries import view_connection
from rhesis_app.kernel.errors import AppError, BadRequest, Forbidden, NotFound
from rhesis_app.kernel.sign_on import SignOn
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.htmx import go_to
from rhesis_app.web.links import full_address
from rhesis_app.web.pages import render_bare, render_page, safe_next, say
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("sso", __name__)
DENIED = "The sign-on provider signed nobody in. Try again, or sign in with a password."


@blueprint.get("/login/sso")
def start() -> Response:
    """Go to the provider."""
    target = safe_next(request.args.get("next"))
    try:
        begun = begin_sso(runtime(), _provider(), _return_address(), target=target)
    except AppError as error:
        return _failed(error)
    response = go_to(begun.address)
    _remember(response, begun)
    return response


@blueprint.get("/login/sso/callback")
def finish() -> Response:
    """Come back from the provider."""
    response = _finished(_provider())
    _forget(response)
    return response


@blueprint.get("/settings/profile/single-sign-on")
@needs_sign_in
def connection() -> Response:
    """Whether one signs in by the provider."""
    return _page()


@blueprint.post("/settings/profile/single-sign-on/connect")
@needs_sign_in
def connect() -> Response:
    """A page that leads to the provider: browsers let no form lead to another site."""
    target = url_for("sso.connection")
    begun = begin_sso(runtime(), _provider(), _return_address(), target=target, connect=current_scope())
    response = _page(address=begun.address)
    _remember(response, begun)
    return response


@blueprint.post("/settings/profile/single-sign-on/disconnect")
@needs_sign_in
def disconnect() -> Response:
    """Sign in with the password alone from now on."""
    provider = _provider()
    if disconnect_sso(current_scope(), provider):
        say(f"You are not connected with {provider.label} any more.")
    return go_to(url_for("sso.connection"))


def _provider() -> SignOn:
    provider = runtime().sign_on
    if provider is None:
        raise NotFound("Single sign-on is not set up on this instance. Sign in with e-mail and password.")
    return provider


def _return_address() -> str:
    return full_address(url_for("sso.finish"))


def _finished(provider: SignOn) -> Response:
    args = request.args
    try:
        # another provider's answer must not be taken for this one's, by RFC 9207
        if args.get("iss", provider.issuer).rstrip("/") != provider.issuer:
            raise BadRequest(STATE)
        if "error" in args or not args.get("code"):
            raise Forbidden(DENIED)
        back = Return(secret=request.cookies.get(_cookie(), ""), state=args.get("state", ""), code=args["code"])
        done = finish_sso(runtime(), provider, back, _return_address(), client_of_request())
    except AppError as error:
        return _failed(error)
    if done.made is not None:
        return enter(done.made, safe_next(done.target), stay=False)
    say(f"You are connected with {provider.label}: it signs you in from now on.")
    return go_to(safe_next(done.target))


def _failed(error: AppError) -> Response:
    # whoever has a password proves with it whose the account is, and connects it
    onwards = url_for("auth.login", next=url_for("sso.connection")) if isinstance(error, NeedsPassword) else ""
    return render_bare(
        "auth/sso_failed.html", status=error.status, detail=error.detail, provider=_provider().label, onwards=onwards
    )


def _page(address: str = "") -> Response:
    provider, scope = _provider(), current_scope()
    return render_page(
        "profile/single_sign_on.html",
        section="profile",
        provider=provider.label,
        connection=view_connection(scope, provider.issuer),
        address=address,
        now=scope.now,
    )


def _cookie() -> str:
    return "__Host-rhesis-sso" if runtime().settings.secure_cookies else "rhesis-sso"


def _remember(response: Response, begun: Begun) -> None:
    response.set_cookie(
        _cookie(), begun.secret, max_age=int(STATE_LIFE.total_seconds()), path="/",
        secure=runtime().settings.secure_cookies, httponly=True, samesite="Lax",
    )  # fmt: skip


def _forget(response: Response) -> None:
    secure = runtime().settings.secure_cookies
    response.delete_cookie(_cookie(), path="/", secure=secure, httponly=True, samesite="Lax")
