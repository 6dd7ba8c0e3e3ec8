"""Settings of the instance: its plugins."""

from flask import Blueprint, Response

from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.queries.plugins import list_plugins
from rhesis_app.web.access import needs
from rhesis_app.web.pages import render_page
from rhesis_app.web.scope import runtime

blueprint = Blueprint("plugins", __name__)


@blueprint.get("/settings/plugins")
@needs(Permission.PLUGIN_READ)
def index() -> Response:
    """What is installed, what it offers, and what could not be loaded."""
    return render_page("plugins/index.html", section="plugins", plugins=list_plugins(runtime().registry))
