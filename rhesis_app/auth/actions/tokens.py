"""API tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, func, literal, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from rhesis_app.auth.models import ApiToken
from rhesis_app.auth.queries import TokenView, my_tokens, view_token
from rhesis_app.auth.rules import MOST_TOKEN_DAYS, new_api_token
from rhesis_app.kernel.errors import Invalid, NotFound, Unauthenticated
from rhesis_app.kernel.keys import digest
from rhesis_app.kernel.permissions import ORGANIZATION_WIDE, Permission, known_permissions
from rhesis_app.kernel.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """An API token to make; empty `scopes` means everything its owner may do, in `project_id` if that is given."""

    name: str
    expires_in_days: int = 90
    scopes: Sequence[str] = ()
    project_id: UUID | None = None


def create_token(scope: Scope, new: NewToken) -> tuple[TokenView, str]:
    """Make an API token of the actor; the second value is the secret, shown this once. Raises Invalid, NotFound.

    One that a token makes is of the same project, may no more, and ends with it at the latest.
    """
    scope.require(Permission.TOKEN_MANAGE)
    assert scope.actor.user_id is not None
    return make_token(scope, scope.actor.user_id, new, held=scope.actor.permissions)


def make_token(scope: Scope, owner_id: UUID, new: NewToken, *, held: frozenset[Permission]) -> tuple[TokenView, str]:
    """Make an API token of somebody who may do what is `held`. Raises Invalid, NotFound, Unauthenticated for a maker that has ended."""
    _check_token(scope, new, held)
    secret = new_api_token()
    granted = known_permissions(list(new.scopes)) or held
    project_id = new.project_id or scope.actor.only_project
    if project_id is not None:
        granted -= ORGANIZATION_WIDE
    with scope.atomic() as session:
        _hold_maker(scope)
        row = ApiToken(
            user_id=owner_id, project_id=project_id, name=new.name.strip(), prefix=secret[:8], sha256=digest(secret),
            scopes=sorted(granted), expires_at=_end(scope, new.expires_in_days), made_by=scope.actor.token_id,
        )  # fmt: skip
        session.add(row)
        session.flush()
        scope.record("token.create", "token", row.id, name=row.name, owner=str(owner_id))
        session.refresh(row)
        view = view_token(row)
    return view, secret


def revoke_token(scope: Scope, token_id: UUID) -> TokenView:
    """End an API token of the actor and all that it made; doing it twice changes nothing. Raises NotFound."""
    scope.require(Permission.TOKEN_MANAGE)
    with scope.atomic() as session:
        row = session.scalars(my_tokens(scope).where(ApiToken.id == token_id).with_for_update()).one_or_none()
        if row is None:
            raise NotFound("There is no such token of yours.")
        return end_token(scope, row)


def end_token(scope: Scope, row: ApiToken) -> TokenView:
    """End a token that is held, and with it whatever it made, and those made; once more until nothing new was made meanwhile."""
    if row.revoked_at is None:
        ended = _end_with_made(scope.organization_id, row.id)
        count = 0
        while found := scope.session.scalars(ended).all():
            count += len(found)
        scope.record("token.revoke", "token", row.id, name=row.name, ended=count)
        scope.session.refresh(row)
    return view_token(row)


def _end_with_made(organization_id: UUID, token_id: UUID) -> ReturningUpdate[UUID]:
    """The statement that ends a token and, down the line, those that were made with it."""
    first = select(ApiToken.id).where(ApiToken.organization_id == organization_id, ApiToken.id == token_id)
    made = first.cte("made", recursive=True)
    next_ones = select(ApiToken.id).where(ApiToken.organization_id == organization_id, ApiToken.made_by == made.c.id)
    all_ids = select(made.union_all(next_ones).c.id)
    ended = update(ApiToken).where(
        ApiToken.organization_id == organization_id, ApiToken.id.in_(all_ids), ApiToken.revoked_at.is_(None)
    )
    ended = ended.values(revoked_at=func.now()).execution_options(synchronize_session=False)
    return ended.returning(ApiToken.id)


def _hold_maker(scope: Scope) -> None:
    """Hold the token that asks until the transaction ends: whoever revokes it waits, and then ends what it has made as well."""
    if scope.actor.token_id is None:
        return
    alive = select(ApiToken.id).where(
        ApiToken.organization_id == scope.organization_id,
        ApiToken.id == scope.actor.token_id,
        ApiToken.revoked_at.is_(None),
    )
    if scope.session.scalar(alive.with_for_update(read=True)) is None:
        raise Unauthenticated("This token was revoked a moment ago.")


def _end(scope: Scope, days: int) -> ColumnElement[datetime]:
    """`days` from now, or the end of the token that asks; a person has none, and LEAST passes over NULL."""
    makers = my_tokens(scope).where(ApiToken.id == scope.actor.token_id).with_only_columns(ApiToken.expires_at)
    return func.least(func.now() + literal(timedelta(days=days), Interval), makers.scalar_subquery())


def _check_token(scope: Scope, new: NewToken, held: frozenset[Permission]) -> None:
    errors: dict[str, list[str]] = {}
    if not new.name.strip() or len(new.name) > 100:
        errors["name"] = ["Say what the token is for, in at most 100 characters."]
    if not 1 <= new.expires_in_days <= MOST_TOKEN_DAYS:
        errors["expires_in_days"] = [f"Choose 1 to {MOST_TOKEN_DAYS} days."]
    unknown = sorted(set(new.scopes) - {str(permission) for permission in held})
    if unknown:
        errors["scopes"] = [f"You may not hand on: {', '.join(unknown)[:300]}."]
    if errors:
        raise Invalid("Some fields need another look.", errors=errors)
    if new.project_id is not None:
        scope.require(Permission.PROJECT_READ, project=new.project_id)
