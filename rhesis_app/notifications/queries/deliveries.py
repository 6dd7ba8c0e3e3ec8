"""What became of letters."""

from collections.abc import Iterable
from uuid import UUID

from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Delivery
from rhesis_app.notifications.rules.events import event_id


def undelivered(scope: Scope, kind: str, subject_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Those of the subjects whose letter of this kind no mail server will ever take."""
    wanted = {event_id(kind, subject_id): subject_id for subject_id in subject_ids}
    if not wanted:
        return frozenset()
    failed = scope.select(Delivery.event_id).where(Delivery.event_id.in_(wanted), Delivery.state == "failed")
    return frozenset(wanted[found] for found in scope.session.scalars(failed))


def was_posted(scope: Scope, kind: str, subject_id: UUID, recipient: str) -> bool:
    """Whether a letter of this kind about the subject was written to somebody, who alone has what it says."""
    written = scope.select(Delivery.id).where(
        Delivery.event_id == event_id(kind, subject_id), Delivery.recipient == recipient
    )
    return scope.session.scalar(written.limit(1)) is not None
