"""The page behind the bell."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.notifications.actions.read import read_all_notifications, read_notification
from rhesis_app.notifications.queries.notifications import list_notifications
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, safe_next
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_identity, current_scope

blueprint = Blueprint("notifications", __name__)


@blueprint.get("/notifications")
@needs_sign_in
def index() -> Response:
    """What one was told, newest first; `show=unread` leaves out what is read."""
    scope = current_scope()
    unread = request.args.get("show") == "unread"
    page = list_notifications(scope, page_request(cursor=request.args.get("cursor")), unread=unread)
    return render_page(
        "notifications/index.html",
        section="notifications",
        page=page,
        links=page_links(page),
        is_unread=unread,
        unread=current_identity().unread,
        now=scope.now,
    )


@blueprint.post("/notifications/<uuid:notification_id>/open")
@needs_sign_in
def open_one(notification_id: UUID) -> Response:
    """Mark one as read and go where it leads."""
    return go_to(safe_next(read_notification(current_scope(), notification_id)))


@blueprint.post("/notifications/<uuid:notification_id>/read")
@needs_sign_in
def read(notification_id: UUID) -> Response:
    """Mark one as read and stay."""
    read_notification(current_scope(), notification_id)
    return go_to(url_for("notifications.index"))


@blueprint.post("/notifications/read")
@needs_sign_in
def read_all() -> Response:
    """Mark everything as read."""
    read_all_notifications(current_scope())
    return go_to(url_for("notifications.index"))
