"""API tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, func, literal, select

from rhesis_app.auth.models import ApiToken
from rhesis_app.auth.queries import TokenView, my_tokens, view_token
from rhesis_app.auth.rules import MOST_TOKEN_DAYS, new_api_token
from rhesis_app.kernel.errors import Invalid, NotFound
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
    _check_token(scope, new)
    secret = new_api_token()
    granted = known_permissions(list(new.scopes)) or scope.actor.permissions
    project_id = new.project_id or scope.actor.only_project
    if project_id is not None:
        granted -= ORGANIZATION_WIDE
    with scope.atomic() as session:
        row = ApiToken(
            user_id=scope.actor.user_id, project_id=project_id, name=new.name.strip(),
            prefix=secret[:8], sha256=digest(secret), scopes=sorted(granted), expires_at=_end(scope, new.expires_in_days),
        )  # fmt: skip
        session.add(row)
        session.flush()
        scope.record("token.create", "token", row.id, name=row.name)
        session.refresh(row)
        view = view_token(row)
    return view, secret


def revoke_token(scope: Scope, token_id: UUID) -> TokenView:
    """End an API token of the actor; doing it twice changes nothing."""
    scope.require(Permission.TOKEN_MANAGE)
    with scope.atomic() as session:
        row = session.scalars(my_tokens(scope).where(ApiToken.id == token_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such token of yours.")
        if row.revoked_at is None:
            row.revoked_at = session.scalar(select(func.now()))
            scope.record("token.revoke", "token", row.id, name=row.name)
        return view_token(row)


def _end(scope: Scope, days: int) -> ColumnElement[datetime]:
    """`days` from now, or the end of the token that asks; a person has none, and LEAST passes over NULL."""
    makers = my_tokens(scope).where(ApiToken.id == scope.actor.token_id).with_only_columns(ApiToken.expires_at)
    return func.least(func.now() + literal(timedelta(days=days), Interval), makers.scalar_subquery())


def _check_token(scope: Scope, new: NewToken) -> None:
    errors: dict[str, list[str]] = {}
    if not new.name.strip() or len(new.name) > 100:
        errors["name"] = ["Say what the token is for, in at most 100 characters."]
    if not 1 <= new.expires_in_days <= MOST_TOKEN_DAYS:
        errors["expires_in_days"] = [f"Choose 1 to {MOST_TOKEN_DAYS} days."]
    unknown = sorted(set(new.scopes) - {str(permission) for permission in scope.actor.permissions})
    if unknown:
        errors["scopes"] = [f"You may not hand on: {', '.join(unknown)[:300]}."]
    if errors:
        raise Invalid("Some fields need another look.", errors=errors)
    if new.project_id is not None:
        scope.require(Permission.PROJECT_READ, project=new.project_id)
