"""Marking as read what one was told."""

from uuid import UUID

from sqlalchemy import func, update

from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Notification


def read_notification(scope: Scope, notification_id: UUID) -> str:
    """Mark one as read, once; where it leads. Raises NotFound."""
    mine = (
        scope.select(Notification.link, Notification.read_at)
        .where(Notification.id == notification_id, Notification.user_id == scope.actor.user_id)
        .with_for_update()
    )
    with scope.atomic():
        row = scope.session.execute(mine).one_or_none()
        if row is None:
            raise NotFound("There is no such notification of yours.")
        if row.read_at is None:
            _read(scope, notification_id)
            scope.record("notification.read", "notification", notification_id)
    return str(row.link)


def read_all_notifications(scope: Scope) -> int:
    """Mark everything as read that the actor was told in this organization; how many that were."""
    with scope.atomic():
        count = _read(scope)
        if count:
            scope.record("notification.read_all", "user", scope.actor.user_id, count=count)
    return count


def _read(scope: Scope, notification_id: UUID | None = None) -> int:
    statement = update(Notification).where(
        Notification.organization_id == scope.organization_id,
        Notification.user_id == scope.actor.user_id,
        Notification.read_at.is_(None),
    )
    if notification_id is not None:
        statement = statement.where(Notification.id == notification_id)
    return len(scope.session.scalars(statement.values(read_at=func.now()).returning(Notification.id)).all())
