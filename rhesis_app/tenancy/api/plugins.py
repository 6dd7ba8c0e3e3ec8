"""Plugins over the API."""

from rhesis_app.kernel.permissions import Permission
from rhesis_app.tenancy.queries.plugins import PluginView, list_plugins
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.scope import runtime

blueprint = ApiBlueprint("plugins_api", __name__, url_prefix="/api/v1/plugins", description="What is installed")


@blueprint.route("")
@needs(Permission.PLUGIN_READ)
@blueprint.answers(200, PluginView, many=True)
def index() -> tuple[PluginView, ...]:
    """List the installed plugins with what they offer, and those that could not be loaded with their error."""
    return list_plugins(runtime().registry)
