"""The page of what one wants to hear of."""

from flask import Blueprint, Response, request, url_for

from rhesis_app.notifications.actions.announce import EMAIL, IN_APP, choose_preferences
from rhesis_app.notifications.queries.preferences import list_preferences
from rhesis_app.notifications.rules.events import EventKind
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.scope import current_identity, current_scope

blueprint = Blueprint("preferences", __name__)


@blueprint.get("/settings/notifications")
@needs_sign_in
def index() -> Response:
    """One's own choices."""
    scope = current_scope()
    return render_page(
        "preferences/index.html",
        section="preferences",
        preferences=list_preferences(scope),
        address=current_identity().user_email,
        has_mail=EMAIL in scope.channels,
    )


@blueprint.post("/settings/notifications")
@needs_sign_in
def save() -> Response:
    """Choose."""
    chosen = {channel: set(request.form.getlist(channel)) for channel in (EMAIL, IN_APP)}
    wanted = {channel: {str(kind): str(kind) in ticked for kind in EventKind} for channel, ticked in chosen.items()}
    choose_preferences(current_scope(), **wanted)
    say("Your choices were saved.")
    return go_to(url_for("preferences.index"))
