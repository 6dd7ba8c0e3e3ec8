"""Members and roles as they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, null, select

from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import Membership, Role, User
from rhesis_app.tenancy.queries.roles import role_permissions

RoleRow = tuple[UUID, frozenset[Permission]]
"""(id of a role, what it may do)."""

NO_ROLE = "There is no such role here."


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleView:
    """A role and what it may do. `members` is how many have it across the organization.

    `can_grant` says whether the actor may give it to somebody, `can_edit` whether they may change or delete it.
    """

    id: UUID
    name: str
    is_builtin: bool
    permissions: tuple[str, ...]
    members: int
    can_grant: bool
    can_edit: bool
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """Somebody in this organization. `can_manage` says whether the actor may change their role or remove them.

    `is_active` is false for somebody who has deactivated their account: nobody signs in with it. `last_seen_at` is for those
    who manage members, and to five minutes; the others are told of nobody's hours.
    """

    user_id: UUID
    name: str
    email: str
    role: str
    is_active: bool
    joined_at: datetime
    last_seen_at: datetime | None
    is_me: bool
    can_manage: bool


def list_roles(scope: Scope) -> tuple[RoleView, ...]:
    """The roles of this organization, those that may most first."""
    scope.require(Permission.MEMBER_READ)
    views = (_role(scope, row) for row in scope.session.execute(_roles(scope)).mappings())
    return tuple(sorted(views, key=lambda view: (-len(view.permissions), view.name)))


def view_role(scope: Scope, role_id: UUID) -> RoleView:
    """One role; NotFound for strangers and for one that was deleted."""
    scope.require(Permission.MEMBER_READ)
    row = scope.session.execute(_roles(scope).where(Role.id == role_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(NO_ROLE)
    return _role(scope, row)


def list_members(scope: Scope, request: PageRequest) -> Page[MemberView]:
    """The members in the order of their names."""
    scope.require(Permission.MEMBER_READ)
    query = _members(scope)
    total = scope.session.scalar(query.with_only_columns(func.count())) if request.count else None
    rows = scope.session.execute(keyset(query, [By(User.name), By(User.id)], request)).mappings().all()
    return page_of(
        rows,
        request,
        key=lambda row: (row["name"], row["user_id"]),
        view=lambda row: _member(scope, row),
        total=total,
    )


def view_member(scope: Scope, user_id: UUID) -> MemberView:
    """One member; NotFound for strangers and for those who have left."""
    scope.require(Permission.MEMBER_READ)
    row = scope.session.execute(_members(scope).where(User.id == user_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such member here.")
    return _member(scope, row)


def list_heirs(scope: Scope) -> tuple[tuple[UUID, str], ...]:
    """(id, words) of the members who could own the organization besides the actor: who can sign in, by name, at most 500."""
    scope.require(Permission.MEMBER_READ)
    query = (
        _members(scope).where(User.is_active, User.id != scope.actor.user_id).order_by(User.name, User.id).limit(500)
    )
    rows = scope.session.execute(query).mappings()
    return tuple((row["user_id"], f"{row['name']}, {row['email']}, {row['role']}") for row in rows)


def member_address(scope: Scope, user_id: UUID) -> str | None:
    """The e-mail address of somebody, while they belong here and are not shut out."""
    query = scope.select(Membership.user_id, User.email).join(User, User.id == Membership.user_id)
    row = scope.session.execute(
        query.where(User.id == user_id, User.is_active, User.kind == "person", Membership.left_at.is_(None))
    ).one_or_none()
    return row.email if row is not None else None


def may_grant(scope: Scope, role_may: frozenset[Permission]) -> bool:
    """Whether the actor manages members and may themselves do all that a role may."""
    return scope.may(Permission.MEMBER_MANAGE) and role_may <= scope.actor.permissions


def _members(scope: Scope) -> Select[Any]:
    manages = scope.may(Permission.MEMBER_MANAGE)
    seen: ColumnElement[Any] = func.last_seen_here(Membership.user_id) if manages else null()
    query = scope.select(
        Membership.user_id,
        seen.label("last_seen_at"),
        Membership.created_at.label("joined_at"),
        User.name,
        User.email,
        User.is_active,
        Role.name.label("role"),
        Role.is_builtin,
        Role.permissions,
    )
    return (
        query.join(User, User.id == Membership.user_id)
        .join(Role, (Role.organization_id == Membership.organization_id) & (Role.id == Membership.role_id))
        .where(Membership.left_at.is_(None), User.kind == "person")
    )


def _member(scope: Scope, row: Mapping[Any, Any]) -> MemberView:
    may = role_permissions(row["role"], row["is_builtin"], row["permissions"])
    return MemberView(
        user_id=row["user_id"],
        name=row["name"],
        email=row["email"],
        role=row["role"],
        is_active=row["is_active"],
        joined_at=row["joined_at"],
        last_seen_at=row["last_seen_at"],
        is_me=row["user_id"] == scope.actor.user_id,
        can_manage=may_grant(scope, may),
    )


def _roles(scope: Scope) -> Select[Any]:
    held = select(func.count()).where(
        Membership.organization_id == Role.organization_id, Membership.role_id == Role.id, Membership.left_at.is_(None)
    )
    query = scope.select(*(Role.id, Role.name, Role.is_builtin, Role.permissions, Role.updated_at))
    return query.add_columns(held.scalar_subquery().label("members")).where(Role.archived_at.is_(None))


def _role(scope: Scope, row: Mapping[Any, Any]) -> RoleView:
    may = role_permissions(row["name"], row["is_builtin"], row["permissions"])
    return RoleView(
        id=row["id"],
        name=row["name"],
        is_builtin=row["is_builtin"],
        permissions=tuple(sorted(may)),
        members=row["members"],
        can_grant=may_grant(scope, may),
        can_edit=not row["is_builtin"] and scope.may(Permission.ROLE_MANAGE) and may <= scope.actor.permissions,
        etag=etag(row["id"], row["updated_at"]),
    )


def roles_by_name(scope: Scope) -> dict[str, RoleRow]:
    """The id of each role that can be given and what it may do."""
    query = scope.select(Role.id, Role.name, Role.is_builtin, Role.permissions).where(Role.archived_at.is_(None))
    rows = scope.session.execute(query).all()
    return {row.name: (row.id, role_permissions(row.name, row.is_builtin, row.permissions)) for row in rows}
