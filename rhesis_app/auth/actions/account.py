"""A person's own account: name, look, password."""

from uuid import UUID

from sqlalchemy import func, text, update

from rhesis_app.auth.actions.proof import Proof, prove_again
from rhesis_app.auth.actions.sessions import require_session
from rhesis_app.auth.models import Session
from rhesis_app.auth.queries import MeView, view_me
from rhesis_app.auth.rules import THEMES, check_password
from rhesis_app.infra.passwords import hash_password
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import User
from rhesis_app.tenancy.rules import check_name


def update_me(scope: Scope, session_id: UUID | None, *, name: str | None = None, theme: str | None = None) -> MeView:
    """Change what is given of the actor's own account. Raises Invalid, Forbidden for a token."""
    require_session(scope, session_id)
    values = {}
    if name is not None:
        values["name"] = check_name(name)
    if theme is not None:
        if theme not in THEMES:
            raise Invalid.field("theme", f"Choose one of {', '.join(THEMES)}.")
        values["theme"] = theme
    with scope.atomic() as session:
        if values:
            mine = update(User).where(User.id == scope.actor.user_id)
            session.execute(mine.values(**values, updated_at=func.now()))
            scope.record("user.update", "user", scope.actor.user_id, fields=sorted(values))
        return view_me(scope)


def change_password(host: Host, scope: Scope, session_id: UUID | None, proof: Proof, new: str) -> None:
    """Set a new password, or a first one; every other session of the actor ends.

    Raises Invalid, Conflict where there is no password and the sign-in is too old, TooMany, Forbidden for a token.
    """
    held = require_session(scope, session_id)
    try:
        check_password(new, email=view_me(scope).user.email)
    except Invalid as error:
        raise Invalid(error.detail, errors={"new_password": error.errors["password"]}) from error
    prove_again(host, scope, held, proof, at="current_password")
    hashed = hash_password(new)
    with scope.atomic() as session:
        epoch = set_password(scope, hashed)
        session.execute(
            update(Session).where(Session.id == held, Session.user_id == scope.actor.user_id).values(epoch=epoch)
        )
        scope.record("password.change", "user", scope.actor.user_id)


def set_password(scope: Scope, hashed: str) -> int:
    """Keep the hash, and end by a new epoch whatever the old password had opened; links for a new password end as well."""
    session, user_id = scope.session, scope.actor.user_id
    session.execute(text("SELECT set_password(:who, :hash)"), {"who": user_id, "hash": hashed})
    session.execute(text("SELECT end_one_time_tokens(purpose) FROM unnest(ARRAY['reset', 'second_step']) AS purpose"))
    risen = update(User).where(User.id == user_id).values(epoch=User.epoch + 1, updated_at=func.now())
    return int(session.scalars(risen.returning(User.epoch)).one())
