"""Invitations as they are shown, to those who sent them and to those who hold one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, case, func, literal

from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import Invitation, Organization, Role, User
from rhesis_app.tenancy.queries.members import may_grant
from rhesis_app.tenancy.queries.roles import role_permissions

State = Literal["pending", "accepted", "revoked", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationView:
    """An invitation without its link. `can_manage` says whether the actor may revoke it or send it again."""

    id: UUID
    email: str
    role: str
    state: State
    invited_by: str | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    can_manage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldInvitation:
    """An invitation as whoever holds its link sees it."""

    id: UUID
    email: str
    role_id: UUID
    role: str
    state: State
    organization: str
    invited_by: str | None
    expires_at: datetime


_STATE = case(
    (Invitation.accepted_at.is_not(None), literal("accepted")),
    (Invitation.revoked_at.is_not(None), literal("revoked")),
    (Invitation.expires_at <= func.now(), literal("expired")),
    else_=literal("pending"),
).label("state")
_KINDS = (
    Invitation.id,
    Invitation.email,
    Invitation.created_at,
    Invitation.expires_at,
    Invitation.accepted_at,
    Invitation.revoked_at,
)


def list_invitations(scope: Scope, request: PageRequest, *, state: State | None = None) -> Page[InvitationView]:
    """Invitations, newest first; with `state` only those."""
    scope.require(Permission.MEMBER_MANAGE)
    query = _invitations(scope)
    if state is not None:
        query = query.where(literal(state) == _STATE.element)
    total = scope.session.scalar(query.with_only_columns(func.count())) if request.count else None
    rows = scope.session.execute(keyset(query, [By(Invitation.id, descending=True)], request)).mappings().all()
    return page_of(rows, request, key=lambda row: (row["id"],), view=lambda row: _view(scope, row), total=total)


def waiting_invitations(scope: Scope) -> tuple[InvitationView, ...]:
    """Those that nobody has accepted or revoked, newest first, at most 200."""
    scope.require(Permission.MEMBER_MANAGE)
    query = _invitations(scope).where(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
    rows = scope.session.execute(query.order_by(Invitation.id.desc()).limit(200)).mappings()
    return tuple(_view(scope, row) for row in rows)


def view_invitation(scope: Scope, invitation_id: UUID) -> InvitationView:
    """One invitation; NotFound for strangers."""
    scope.require(Permission.MEMBER_MANAGE)
    row = scope.session.execute(_invitations(scope).where(Invitation.id == invitation_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such invitation here.")
    return _view(scope, row)


def held_invitation(scope: Scope, invitation_id: UUID) -> HeldInvitation:
    """An invitation for whoever holds its link; nobody is known yet, so `scope` is the organization's own."""
    query = (
        scope.select(
            *(Invitation.id, Invitation.email, Invitation.role_id, Role.name.label("role"), _STATE),
            *(Organization.name.label("organization"), User.name.label("invited_by"), Invitation.expires_at),
        )
        .join(Role, (Role.organization_id == Invitation.organization_id) & (Role.id == Invitation.role_id))
        .join(Organization, Organization.id == Invitation.organization_id)
        .outerjoin(User, User.id == Invitation.invited_by)
        .where(Invitation.id == invitation_id)
    )
    return HeldInvitation(**scope.session.execute(query).mappings().one())


def _invitations(scope: Scope) -> Select[Any]:
    query = scope.select(
        *_KINDS,
        *(_STATE, Role.name.label("role"), Role.is_builtin, Role.permissions, User.name.label("invited_by")),
    )
    return query.join(
        Role, (Role.organization_id == Invitation.organization_id) & (Role.id == Invitation.role_id)
    ).outerjoin(User, User.id == Invitation.invited_by)


def _view(scope: Scope, row: Mapping[Any, Any]) -> InvitationView:
    names = [name for name in InvitationView.__dataclass_fields__ if name != "can_manage"]
    may = role_permissions(row["role"], row["is_builtin"], row["permissions"])
    return InvitationView(
        **{name: row[name] for name in names},
        can_manage=row["state"] in {"pending", "expired"} and may_grant(scope, may),
    )
