"""Who wants to hear of what."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import func

from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Preference
from rhesis_app.notifications.rules.events import EVENT_WORDS, Event, EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceView:
    """One kind of event, in words, and how the actor hears of it."""

    event: str
    words: str
    email: bool
    in_app: bool


def list_preferences(scope: Scope) -> tuple[PreferenceView, ...]:
    """The actor's own choices; what was never chosen is wanted."""
    query = scope.select(Preference.event, Preference.email, Preference.in_app)
    rows = scope.session.execute(query.where(Preference.user_id == scope.actor.user_id))
    chosen = {row.event: (row.email, row.in_app) for row in rows}
    views = []
    for kind in EventKind:
        email, in_app = chosen.get(kind, (True, True))
        views.append(PreferenceView(event=str(kind), words=EVENT_WORDS[kind], email=email, in_app=in_app))
    return tuple(views)


def unwilling(scope: Scope, event: Event, channel: Literal["email", "in_app"]) -> frozenset[UUID]:
    """Those of the event's recipients who want to hear of none of its kinds by this channel."""
    people = [one.user_id for one in event.recipients if one.user_id is not None]
    if not people:
        return frozenset()
    query = (
        scope.select(Preference.user_id)
        .where(Preference.user_id.in_(people), Preference.event.in_(event.kinds), ~getattr(Preference, channel))
        .group_by(Preference.user_id)
        .having(func.count() == len(event.kinds))
    )
    return frozenset(scope.session.scalars(query))
