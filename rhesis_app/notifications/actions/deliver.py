"""Handing messages over to the mail server: each at most once, but for one instant that nothing can close.

A delivery is marked as being sent in a transaction of its own, when server and recipient are agreed on and only the content
is missing, and as sent when the server has taken it. A worker that dies before that mark leaves it to be sent by the next
one; a worker that dies after the server's yes leaves it sent. Between the server's yes and the mark the next worker hands
the same letter over again, under the same Message-ID: losing it would be worse, and mail programs show it once.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, update

from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.ports import Post, PostCounter, PostFailure
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, Interrupted, TryAgain
from rhesis_app.notifications.models import Delivery, Job
from rhesis_app.notifications.rules.letters import letter_of, message_of

NOWHERE = "There is no mail server to hand it to: RHESIS_SMTP_URL is not set for the workers."
AWAY = "The mail server did not take it ({code}). It is tried again."
_OPEN = ("queued", "sending")


class _More(Exception):
    """Something was added while the last letter was on its way."""


def deliver(scope: Scope, held: Held, post: Post | None, *, site: str | None) -> None:
    """Hand over what the job still has to send. Raises TryAgain when the server is away, Conflict when there is none."""
    if post is None:
        raise Conflict(NOWHERE)
    while not held.is_done:
        _hand_over_all(scope, held, post, site)
        try:
            # whoever adds a delivery to this job holds its row: after this no more can come
            with held.finishing(scope):
                if _waiting(scope, held):
                    raise _More
        except _More:
            continue


def _hand_over_all(scope: Scope, held: Held, post: Post, site: str | None) -> None:
    waiting = _waiting(scope, held)
    scope.session.rollback()  # no transaction stays open while the mail server thinks
    if not waiting:
        return
    failed: PostFailure | None = None
    try:
        with post.open() as counter:
            for number, row in enumerate(waiting):
                held.tick(100 * number // len(waiting))
                letter = letter_of(row.id, row.recipient, message_of(row.content), domain=post.domain, site=site)
                failed = _hand_over(scope, held, counter, (row.id, letter)) or failed
    except PostFailure as failure:
        failed = failure
    if failed is not None:
        raise TryAgain(failed.code, AWAY.format(code=failed.code))


def _hand_over(scope: Scope, held: Held, counter: PostCounter, sent: tuple[UUID, Any]) -> PostFailure | None:
    """One letter; what may work later is returned and what never will is written down."""
    delivery_id, letter = sent
    try:
        counter.hand_over(letter, before=lambda: _mark_sending(scope, held, delivery_id))
    except PostFailure as failure:
        if not failure.is_final:
            _mark(scope, delivery_id, state="queued", error_code=failure.code)
            return failure
        _mark(scope, delivery_id, state="failed", error_code=failure.code, content={})
        return None
    # what was said is not kept: a link in it may be a key
    _mark(scope, delivery_id, state="sent", error_code=None, sent_at=func.now(), content={})
    return None


def _waiting(scope: Scope, held: Held) -> list[Any]:
    query = (
        scope.select(Delivery.id, Delivery.recipient, Delivery.content)
        .where(Delivery.job_id == held.job_id, Delivery.state.in_(_OPEN))
        .order_by(Delivery.id)
    )
    return list(scope.session.execute(query).all())


def _mark_sending(scope: Scope, held: Held, delivery_id: UUID) -> None:
    """Only whoever holds the job's lease goes on from here: a worker that was thought dead hands nothing over."""
    mine = exists().where(
        Job.organization_id == scope.organization_id,
        Job.id == held.job_id,
        Job.fence == held.fence,
        Job.lease_owner == held.owner,
    )
    with scope.atomic() as session:
        marked = session.execute(
            update(Delivery)
            .where(
                Delivery.organization_id == scope.organization_id,
                Delivery.id == delivery_id,
                Delivery.state.in_(_OPEN),
                mine,
            )
            .values(state="sending", attempts=Delivery.attempts + 1)
            .returning(Delivery.id)
        ).one_or_none()
    if marked is None:
        raise Interrupted


def _mark(scope: Scope, delivery_id: UUID, **values: Any) -> None:
    with scope.atomic() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.organization_id == scope.organization_id, Delivery.id == delivery_id)
            .values(**values)
        )
