"""What one wants to hear of, over the API."""

from typing import Any

from flask.views import MethodView

from rhesis_app.notifications.actions.announce import choose_preferences
from rhesis_app.notifications.queries.preferences import PreferenceView, list_preferences
from rhesis_app.notifications.schemas.preferences import PreferenceArguments
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint(
    "preferences_api", __name__, url_prefix="/api/v1/notification-preferences", description="What one wants to hear of"
)


@blueprint.route("")
class Preferences(MethodView):
    """One's own choices in this organization."""

    @needs_sign_in
    @blueprint.answers(200, PreferenceView, many=True)
    def get(self) -> tuple[PreferenceView, ...]:
        """List the kinds of events one is told of, and how."""
        return list_preferences(current_scope())

    @needs_sign_in
    @blueprint.arguments(PreferenceArguments)
    @blueprint.answers(200, PreferenceView, many=True)
    def patch(self, arguments: dict[str, Any]) -> tuple[PreferenceView, ...]:
        """Choose which kinds of events shall come by e-mail, and which onto one's pages."""
        return choose_preferences(current_scope(), **arguments)
