"""Removing the demonstration, all of it and nothing else."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from rhesis_app.auth.actions.first_start import make_first_start_link
from rhesis_app.demo.actions.credentials import forget_credentials
from rhesis_app.demo.rules import EMAIL
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.queries.organizations import list_organizations


def remove_demo(host: Host, scope: Scope, data_dir: Path) -> str | None:
    """Erase the scope's organization, which must be the demonstration; nobody of it is signed in any more.

    Returns the path of a first-start link when nobody else is registered, so that nobody is locked out; else None.
    Raises Forbidden without `organization:delete`, NotFound when the organization is no demonstration.
    """
    scope.require(Permission.ORGANIZATION_DELETE)
    others = [one.id for one in list_organizations(scope) if not one.is_active]
    if not erase(scope):
        raise NotFound("This organization is not a demonstration. Nothing was removed.")
    for other in others:
        _tell(host, scope, other)
    forget_credentials(data_dir)
    return make_first_start_link(host)


def erase(scope: Scope) -> bool:
    """Erase every row of the scope's organization, its audit log with them; False, and nothing happens, unless it is a demonstration."""
    with scope.atomic() as session:
        return bool(session.scalar(text("SELECT erase_demo()")))


def _tell(host: Host, scope: Scope, other: UUID) -> None:
    """An entry in another organization of whoever did it: the log that it would stand in is gone."""
    actor = replace(scope.actor, organization_id=other, permissions=frozenset(), project_permissions={})
    with host.open_scope(actor, ip=scope.ip) as kept, kept.atomic():
        kept.record("demo.remove", "organization", scope.organization_id)


def find_owner(host: Host) -> Actor | None:
    """The demonstration's owner as an actor; None when there is no demonstration."""
    rows = host.ask("SELECT user_id, first_organization_id AS organization_id FROM find_login(:email)", email=EMAIL)
    if not rows or rows[0]["organization_id"] is None:
        return None
    row = rows[0]
    return Actor(
        kind="user",
        user_id=row["user_id"],
        organization_id=row["organization_id"],
        permissions=frozenset(Permission),
    )
