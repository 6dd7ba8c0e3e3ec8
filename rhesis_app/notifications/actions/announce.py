"""Telling people what has happened: one message to each, written together with what it is about."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from rhesis_app.kernel.errors import Forbidden, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import NewJob, ask_for
from rhesis_app.notifications.models import Delivery, Notification, Preference
from rhesis_app.notifications.queries.preferences import PreferenceView, list_preferences, unwilling
from rhesis_app.notifications.rules.events import Event, EventKind, Recipient
from rhesis_app.notifications.rules.letters import one_line

SEND = "notifications.send"
EMAIL: Final = "email"
IN_APP: Final = "in_app"
TITLE: Final = 300
BODY: Final = 2000
_ATTEMPTS = 30


def announce(scope: Scope, event: Event) -> None:
    """Tell everybody who wants to hear of the event: on their pages, and by a letter that is asked for here.

    Told again, an event reaches only those whom it has not reached. Call it inside `atomic()`: when what happened is
    taken back, so is the message. No letter is written where this installation has no mail server.
    """
    if not event.is_private:
        _tell(scope, event)
    if EMAIL in scope.channels:
        _write_letters(scope, event)


def _tell(scope: Scope, event: Event) -> None:
    refusing = unwilling(scope, event, "in_app")
    people = {one.user_id for one in event.recipients if one.user_id is not None} - refusing
    if not people:
        return
    told = {
        "organization_id": scope.organization_id,
        "event": event.kinds[0],
        "event_id": event.id,
        "title": one_line(event.message.subject)[:TITLE],
        "body": " ".join(event.message.sentences)[:BODY],
        "link": event.message.path,
    }
    rows = [{"id": new_id(), "user_id": user_id, **told} for user_id in sorted(people)]
    # no target is named: to find one, the policy would ask for the right to read what others are told
    scope.session.execute(insert(Notification).values(rows).on_conflict_do_nothing())


def _write_letters(scope: Scope, event: Event) -> None:
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


def choose_preferences(
    scope: Scope, *, email: Mapping[str, bool] | None = None, in_app: Mapping[str, bool] | None = None
) -> tuple[PreferenceView, ...]:
    """Say how the actor wants to hear of which kinds of events; what is left out stays as it is. Raises Invalid."""
    user_id = scope.actor.user_id
    if user_id is None:
        raise Forbidden("Only people have preferences.")
    wanted: dict[str, dict[str, bool]] = {}
    for channel, choices in ((EMAIL, email or {}), (IN_APP, in_app or {})):
        for event, is_wanted in choices.items():
            if event not in set(EventKind):
                raise Invalid.field(
                    channel, f"There is no event “{event[:80]}”. Known: {', '.join(sorted(EventKind))}."
                )
            wanted.setdefault(event, {})[channel] = is_wanted
    with scope.atomic() as session:
        for event, channels in wanted.items():
            values = {"id": new_id(), "organization_id": scope.organization_id, "user_id": user_id, "event": event}
            statement = insert(Preference).values(**values, **channels)
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=[Preference.organization_id, Preference.user_id, Preference.event], set_=channels
                )
            )
        scope.record("preference.choose", "user", user_id, **wanted)
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
