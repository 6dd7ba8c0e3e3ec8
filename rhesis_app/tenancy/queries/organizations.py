"""The organizations of a person, whichever is the active one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationView:
    """An organization that the actor belongs to, and as what.

    With `delete_after` it is being deleted: closed to all but its owners, and erased at that time.
    """

    id: UUID
    name: str
    slug: str
    role: str
    is_demo: bool
    is_active: bool
    joined_at: datetime
    delete_after: datetime | None


def list_organizations(scope: Scope) -> tuple[OrganizationView, ...]:
    """Those the actor belongs to, by name; a token belongs to one."""
    rows = scope.session.execute(text("SELECT * FROM my_organizations()")).mappings()
    views = (
        OrganizationView(
            id=row["organization_id"],
            name=row["name"],
            slug=row["slug"],
            role=row["role_name"],
            is_demo=row["is_demo"],
            is_active=row["organization_id"] == scope.organization_id,
            joined_at=row["joined_at"],
            delete_after=row["delete_after"],
        )
        for row in rows
    )
    return tuple(view for view in views if view.is_active or scope.actor.kind == "user")


def view_organization(scope: Scope, organization_id: UUID) -> OrganizationView:
    """One of them; NotFound for every other."""
    found = [view for view in list_organizations(scope) if view.id == organization_id]
    if not found:
        raise NotFound("There is no such organization of yours.")
    return found[0]


def organizations_with_project(scope: Scope, slug: str) -> tuple[tuple[UUID, str], ...]:
    """(id, name) of the actor's other organizations that have a project at this address."""
    rows = scope.session.execute(text("SELECT * FROM my_organizations_with_project(:slug)"), {"slug": slug})
    return tuple((row.organization_id, row.name) for row in rows)
