"""The profile: one's own name, look, password and sessions."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.auth.actions.account import change_password, update_me
from rhesis_app.auth.actions.proof import Proof
from rhesis_app.auth.actions.sessions import end_all_sessions, end_other_sessions, end_session
from rhesis_app.auth.pages.entering import provider_label
from rhesis_app.auth.queries import list_sessions, view_me
from rhesis_app.kernel.errors import Conflict, Invalid, TooMany
from rhesis_app.kernel.paging import MAX_LIMIT, PageRequest
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.scope import current_identity, current_scope, runtime
from rhesis_app.web.tokens import clear_session_cookie

blueprint = Blueprint("profile", __name__)
_THEMES = (("auto", "As the system"), ("light", "Light"), ("dark", "Dark"))


@blueprint.get("/settings/profile")
@needs_sign_in
def index() -> Response:
    """Everything that is one's own, whatever the role."""
    return _page()


@blueprint.post("/settings/profile")
@needs_sign_in
def save() -> Response:
    """Change name and theme."""
    wanted = {name: request.form[name] for name in ("name", "theme") if name in request.form}
    try:
        update_me(current_scope(), current_identity().session_id, **wanted)
    except Invalid as error:
        return _page(status=422, errors=error.errors, name=wanted.get("name"))
    say("Your profile was saved.")
    return go_to(url_for("profile.index"))


@blueprint.post("/settings/profile/password")
@needs_sign_in
def save_password() -> Response:
    """Change the password, or set a first one."""
    scope, session_id = current_scope(), current_identity().session_id
    proof = Proof(password=request.form.get("current_password", ""), code=request.form.get("code", ""))
    try:
        change_password(runtime(), scope, session_id, proof, request.form.get("new_password", ""))
    except (Invalid, Conflict, TooMany) as error:
        return _page(status=error.status, errors=error.errors, message="" if error.errors else error.detail)
    say("Your password was changed. Every other session has ended.")
    return go_to(url_for("profile.index"))


@blueprint.post("/settings/profile/sessions/<uuid:session_id>/end")
@needs_sign_in
def end(session_id: UUID) -> Response:
    """End one session."""
    end_session(current_scope(), session_id)
    say("The session has ended.")
    return go_to(url_for("profile.index"))


@blueprint.post("/settings/profile/sessions/end-others")
@needs_sign_in
def end_others() -> Response:
    """End every session but this one."""
    ended = end_other_sessions(current_scope(), current_identity().session_id)
    say(
        "There was no other session."
        if not ended
        else f"{ended} other session{'s have' if ended > 1 else ' has'} ended."
    )
    return go_to(url_for("profile.index"))


@blueprint.post("/settings/profile/sessions/end-all")
@needs_sign_in
def end_all() -> Response:
    """End every session, this one as well."""
    end_all_sessions(current_scope())
    say("All your sessions have ended. Sign in again.")
    response = go_to(url_for("auth.login"))
    clear_session_cookie(response)
    return response


def _page(*, status: int = 200, name: str | None = None, **said: Any) -> Response:
    scope = current_scope()
    me = view_me(scope)
    return render_page(
        "profile/index.html",
        section="profile",
        status=status,
        me=me,
        name=me.user.name if name is None else name,
        themes=_THEMES,
        sessions=list_sessions(scope, PageRequest(limit=MAX_LIMIT)).items,
        current=current_identity().session_id,
        provider=provider_label(),
        errors=said.get("errors", {}),
        message=said.get("message", ""),
        now=scope.now,
    )
