"""Deactivating one's own account, and bringing one back."""

from typing import Final
from uuid import UUID

from sqlalchemy import func, text, update

from rhesis_app.auth.actions.proof import Proof, prove_again
from rhesis_app.auth.actions.reset import find_person
from rhesis_app.auth.actions.second_factor import forget_second_factor
from rhesis_app.auth.actions.sessions import require_session
from rhesis_app.auth.queries import view_me
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, Invalid, NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.members import sole_owner_of
from rhesis_app.tenancy.models import User

_NOT_MEANT: Final = "Type your own e-mail address to say that you mean it."
_LAST: Final = "You are the last owner of {}. Make somebody else an owner there first."


def deactivate(host: Host, scope: Scope, session_id: UUID | None, proof: Proof, email: str) -> None:
    """Shut the actor out, whichever organizations they belong to: sessions, tokens and open invitations of theirs end.

    Raises Invalid, Conflict for a last owner or a sign-in that is too old where there is no password, TooMany, Forbidden for a token.
    """
    held = require_session(scope, session_id)
    if email.strip().lower() != view_me(scope).user.email:
        raise Invalid.field("email", _NOT_MEANT)
    _refuse_last_owner(scope)
    prove_again(host, scope, held, proof)
    with scope.atomic() as session:
        if not session.scalar(text("SELECT deactivate_me()")):
            _refuse_last_owner(scope)
            raise Conflict(_LAST.format("an organization"))
        scope.record("user.deactivate", "user", scope.actor.user_id)


def activate(host: Host, email: str) -> None:
    """Let somebody in again who was deactivated; whoever runs the server does it. Raises NotFound."""
    actor = _anybody(host, email)
    with host.open_scope(actor) as scope, scope.atomic() as session:
        again = update(User).where(User.id == actor.user_id, User.is_active.is_(False))
        if session.scalar(again.values(is_active=True, updated_at=func.now()).returning(User.id)) is None:
            raise NotFound(f"{email} is not deactivated.")
        scope.record("user.activate", "user", actor.user_id)


def take_second_factor_away(host: Host, email: str) -> None:
    """For somebody who has lost their app and their recovery codes; whoever runs the server does it. Raises NotFound."""
    with host.open_scope(_anybody(host, email)) as scope, scope.atomic():
        forget_second_factor(scope)


def _anybody(host: Host, email: str) -> Actor:
    actor = find_person(host, email.strip().lower(), also_inactive=True)
    if actor is None:
        raise NotFound(f"Nobody is registered as {email}.")
    return actor


def _refuse_last_owner(scope: Scope) -> None:
    owned = sole_owner_of(scope)
    if owned:
        raise Conflict(_LAST.format(", ".join(name for _, name in owned)))
