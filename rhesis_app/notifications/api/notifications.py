"""What one was told, over the API."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.kernel.paging import Page
from rhesis_app.notifications.actions.read import read_all_notifications, read_notification
from rhesis_app.notifications.queries.notifications import NotificationView, list_notifications
from rhesis_app.notifications.schemas.notifications import NotificationListArguments
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint(
    "notifications_api", __name__, url_prefix="/api/v1/notifications", description="What one was told"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadView:
    """How many were marked as read."""

    read: int


@blueprint.route("")
class Notifications(MethodView):
    """One's own notifications."""

    @needs_sign_in
    @blueprint.arguments(NotificationListArguments, location="query")
    @blueprint.answers(200, NotificationView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[NotificationView]:
        """List what one was told in this organization, newest first."""
        unread = arguments.pop("unread")
        return list_notifications(current_scope(), page_request(**arguments), unread=unread)


@blueprint.route("/<uuid:notification_id>/read", methods=["POST"])
@needs_sign_in
@blueprint.answers(204)
def read(notification_id: UUID) -> None:
    """Mark one as read; doing it twice changes nothing."""
    read_notification(current_scope(), notification_id)


@blueprint.route("/read", methods=["POST"])
@needs_sign_in
@blueprint.answers(200, ReadView)
def read_all() -> ReadView:
    """Mark everything as read that one was told in this organization."""
    return ReadView(read=read_all_notifications(current_scope()))
