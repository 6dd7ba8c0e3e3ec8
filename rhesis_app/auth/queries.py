"""What is asked of identity."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rhesis_app.auth.models import ApiToken
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.queries.roles import role_permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """An API token without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    project_id: UUID | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    revoked_at: datetime | None


def needs_first_owner(host: Host) -> bool:
    """Whether nobody is registered yet."""
    return bool(host.ask("SELECT needs_first_owner() AS needed")[0]["needed"])


def view_token(row: ApiToken) -> TokenView:
    """The row as it may be shown."""
    return TokenView(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        project_id=row.project_id,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def list_tokens(scope: Scope, request: PageRequest) -> Page[TokenView]:
    """The actor's API tokens, newest first."""
    scope.require(Permission.TOKEN_MANAGE)
    query = scope.select(ApiToken).where(ApiToken.user_id == scope.actor.user_id)
    rows = scope.session.scalars(keyset(query, [By(ApiToken.id, descending=True)], request)).all()
    return page_of(rows, request, key=lambda row: (row.id,), view=view_token)


def permissions_of(row: Mapping[str, Any]) -> frozenset[Permission]:
    """What the role in a row of `find_session` or `find_token` may do."""
    return role_permissions(row["role_name"], row["role_is_builtin"], row["role_permissions"])
