"""The pages of a forgotten password."""

from flask import Blueprint, Response, request, url_for

from rhesis_app.auth.actions.reset import ask_for_reset, reset_password, whose_reset
from rhesis_app.auth.queries import asked_words
from rhesis_app.kernel.errors import Invalid, NotFound, TooMany
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_bare, say
from rhesis_app.web.scope import runtime

blueprint = Blueprint("reset", __name__)


@blueprint.get("/forgotten")
def ask() -> Response:
    """Whose password it is; or, where no letter can be sent, who helps instead."""
    return _ask_page()


@blueprint.post("/forgotten")
def submit_ask() -> Response:
    """Send a link, and say the same to everybody."""
    email = request.form.get("email", "")
    if not email.strip() or len(email) > 254:
        return _ask_page(status=422, errors={"email": ["Give the address that you sign in with."]})
    try:
        ask_for_reset(runtime(), email, ip=request.remote_addr)
    except TooMany as error:
        return _ask_page(email, status=error.status, message=error.detail)
    return _ask_page(said=asked_words(runtime()))


@blueprint.get("/reset/<token>")
def show(token: str) -> Response:
    """The form of a new password; looking at it does not use the link up."""
    try:
        return _reset_page(token)
    except NotFound as error:
        return _ended(error)


@blueprint.post("/reset/<token>")
def save(token: str) -> Response:
    """Set it."""
    try:
        reset_password(runtime(), token, request.form.get("password", ""), ip=request.remote_addr)
    except NotFound as error:
        return _ended(error)
    except Invalid as error:
        return _reset_page(token, status=422, errors=error.errors)
    say("Your password was changed, and every session has ended. Sign in with the new one.")
    return go_to(url_for("auth.login"))


def _ask_page(
    email: str = "", *, status: int = 200, said: str = "", message: str = "", errors: dict[str, list[str]] | None = None
) -> Response:
    return render_bare(
        "auth/forgotten.html",
        status=status,
        email=email,
        said=said,
        sends=runtime().sends_links,
        message=message,
        errors=errors or {},
    )


def _reset_page(token: str, *, status: int = 200, errors: dict[str, list[str]] | None = None) -> Response:
    email = whose_reset(runtime(), token)
    return render_bare("auth/reset.html", status=status, token=token, email=email, errors=errors or {})


def _ended(error: NotFound) -> Response:
    return render_bare("auth/reset_ended.html", status=error.status, detail=error.detail)
