"""What a person was told."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationView:
    """One thing that one was told. `link` is where it leads, on this instance."""

    id: UUID
    event: str
    title: str
    body: str
    link: str
    created_at: datetime
    read_at: datetime | None


def list_notifications(scope: Scope, request: PageRequest, *, unread: bool = False) -> Page[NotificationView]:
    """What the actor was told in this organization, newest first; with `unread` only what is not read."""
    columns = [getattr(Notification, name) for name in NotificationView.__dataclass_fields__]
    query = scope.select(*columns).where(Notification.user_id == scope.actor.user_id)
    if unread:
        query = query.where(Notification.read_at.is_(None))
    rows = scope.session.execute(keyset(query, [By(Notification.id, descending=True)], request)).mappings().all()
    return page_of(rows, request, key=lambda row: (row["id"],), view=lambda row: NotificationView(**row))
