"""Removing the demonstration from its overview page."""

from flask import Blueprint, Response

from rhesis_app.demo.actions.remove import remove_demo
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import say
from rhesis_app.web.scope import current_scope, runtime
from rhesis_app.web.tokens import clear_session_cookie

blueprint = Blueprint("demo", __name__)


@blueprint.post("/demo/remove")
@needs(Permission.ORGANIZATION_DELETE)
def remove() -> Response:
    """Erase it and sign out; whoever is alone here goes on to the first start."""
    held = runtime()
    first_start = remove_demo(held, current_scope(), held.settings.data_directory)
    say("The demonstration is gone.")
    response = go_to(first_start or "/login")
    clear_session_cookie(response)
    return response
