"""The pages of open registration."""

from flask import Blueprint, Response, request

from rhesis_app.auth.actions import register as registering
from rhesis_app.auth.forms import FirstStartForm, account_from
from rhesis_app.auth.pages.entering import client_of_request, enter_anew
from rhesis_app.auth.queries import registered_words
from rhesis_app.kernel.errors import AppError, Invalid, NotFound
from rhesis_app.web.pages import render_bare
from rhesis_app.web.scope import runtime

blueprint = Blueprint("register", __name__)


@blueprint.get("/register")
def ask() -> Response:
    """The form, where the operator has opened registration."""
    registering.require_open(runtime())
    return _ask_page(FirstStartForm())


@blueprint.post("/register")
def submit_ask() -> Response:
    """Begin, and say the same to everybody."""
    registering.require_open(runtime())
    account = account_from(request.form)
    form = FirstStartForm(organization_name=account.organization_name, name=account.name, email=account.email)
    try:
        registering.register(runtime(), account, ip=request.remote_addr)
    except Invalid as error:
        return _ask_page(form, status=422, errors=error.errors)
    except AppError as error:
        return _ask_page(form, status=error.status, message=error.detail)
    return _ask_page(form, said=registered_words(runtime()))


@blueprint.get("/register/<token>")
def show(token: str) -> Response:
    """The password that it was begun with; looking does not use the link up."""
    registering.require_open(runtime())
    try:
        return _finish_page(token)
    except NotFound as error:
        return _ended(error)


@blueprint.post("/register/<token>")
def finish(token: str) -> Response:
    """Make the account, and go in."""
    registering.require_open(runtime())
    password = request.form.get("password", "")
    try:
        made = registering.finish_registration(runtime(), token, password, client_of_request())
    except NotFound as error:
        return _ended(error)
    except AppError as error:
        message = "" if error.errors else error.detail
        return _finish_page(token, status=error.status, errors=error.errors, message=message)
    return enter_anew(made)


def _ask_page(
    form: FirstStartForm,
    *,
    status: int = 200,
    said: str = "",
    message: str = "",
    errors: dict[str, list[str]] | None = None,
) -> Response:
    return render_bare(
        "auth/register.html",
        status=status,
        form=form,
        said=said,
        sends=runtime().sends_links,
        message=message,
        errors=errors or {},
    )


def _finish_page(
    token: str, *, status: int = 200, message: str = "", errors: dict[str, list[str]] | None = None
) -> Response:
    found = registering.look_at_registration(runtime(), token)
    return render_bare(
        "auth/finish.html", status=status, token=token, registration=found, message=message, errors=errors or {}
    )


def _ended(error: NotFound) -> Response:
    return render_bare("auth/finish_ended.html", status=error.status, detail=error.detail)
