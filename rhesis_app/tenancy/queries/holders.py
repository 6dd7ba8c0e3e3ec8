"""Who has a role, in words for whoever wants to delete it."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text

from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import Invitation, Membership, User

_NAMED: Final = 3
# a project's members belong to a context above this one, which says so in the database
_IN_PROJECTS: Final = text(
    "SELECT u.name, p.name AS project FROM project_member m JOIN app_user u ON u.id = m.user_id"
    " JOIN project p ON p.organization_id = m.organization_id AND p.id = m.project_id"
    " WHERE m.organization_id = :organization AND m.role_id = :role ORDER BY p.name, u.name"
)


def holders_of(scope: Scope, role_id: UUID) -> tuple[str, ...]:
    """Who has the role in the organization, in projects, or is invited with it: at most one phrase each."""
    query = (
        scope.select(Membership.user_id, User.name)
        .join(User, User.id == Membership.user_id)
        .where(Membership.role_id == role_id, Membership.left_at.is_(None))
    )
    members = [row.name for row in scope.session.execute(query.order_by(User.name))]
    values = {"organization": scope.organization_id, "role": role_id}
    in_projects = [f"{row.name} in {row.project}" for row in scope.session.execute(_IN_PROJECTS, values)]
    waiting = scope.select(Invitation.email).where(
        Invitation.role_id == role_id, Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None)
    )
    invited = scope.session.scalars(waiting.order_by(Invitation.email)).all()
    phrases = (_few(members), _few(in_projects), f"invited: {_few(invited)}" if invited else "")
    return tuple(phrase for phrase in phrases if phrase)


def _few(names: Sequence[str]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
