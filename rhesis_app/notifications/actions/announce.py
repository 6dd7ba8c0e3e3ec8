"""Telling people what has happened: one message to each, written together with what it is about."""

from dataclasses import asdict
from typing import Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from rhesis_app.kernel.errors import Forbidden, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import NewJob, ask_for
from rhesis_app.notifications.models import Delivery, Preference
from rhesis_app.notifications.queries.preferences import PreferenceView, list_preferences, unwilling
from rhesis_app.notifications.rules.events import Event, EventKind, Recipient

SEND = "notifications.send"
EMAIL: Final = "email"
_ATTEMPTS = 30


def announce(scope: Scope, event: Event) -> None:
    """Write a delivery for everybody who wants to hear of the event, and ask for their sending.

    Told again, an event reaches only those whom it has not reached. Call it inside `atomic()`: when what happened is
    taken back, so is the message. Nothing is written where this installation has no mail server.
    """
    if EMAIL not in scope.channels:
        return
    refusing = unwilling(scope, event, EMAIL)
    addresses = {one.address: one for one in event.recipients if one.user_id is None or one.user_id not in refusing}
    told = set(scope.session.scalars(scope.select(Delivery.recipient).where(Delivery.event_id == event.id)))
    fresh = [one for address, one in addresses.items() if address not in told]
    if not fresh:
        return
    job_id = ask_for(
        scope,
        NewJob(
            kind=SEND,
            subject_type="event",
            subject_id=event.id,
            project_id=event.project_id,
            max_attempts=_ATTEMPTS,
        ),
    )
    rows = [_delivery(scope, event, recipient, job_id) for recipient in fresh]
    scope.session.execute(insert(Delivery).values(rows).on_conflict_do_nothing())


def choose_preferences(scope: Scope, *, email: dict[str, bool]) -> tuple[PreferenceView, ...]:
    """Say of which kinds of events the actor wants e-mail; kinds that are left out stay as they are. Raises Invalid."""
    user_id = scope.actor.user_id
    if user_id is None:
        raise Forbidden("Only people have preferences.")
    unknown = sorted(set(email) - set(EventKind))
    if unknown:
        raise Invalid.field("email", f"There is no event “{unknown[0][:80]}”. Known: {', '.join(sorted(EventKind))}.")
    with scope.atomic() as session:
        for event, wanted in email.items():
            statement = insert(Preference).values(
                id=new_id(), organization_id=scope.organization_id, user_id=user_id, event=event, email=wanted
            )
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=[Preference.organization_id, Preference.user_id, Preference.event],
                    set_={"email": wanted},
                )
            )
        scope.record("preference.choose", "user", user_id, email=email)
        return list_preferences(scope)


def _delivery(scope: Scope, event: Event, recipient: Recipient, job_id: UUID) -> dict[str, object]:
    return {
        "id": new_id(),
        "organization_id": scope.organization_id,
        "event": event.kinds[0],
        "event_id": event.id,
        "channel": EMAIL,
        "recipient": recipient.address,
        "content": asdict(event.message),
        "job_id": job_id,
    }
