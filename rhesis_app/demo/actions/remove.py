"""Removing the demonstration, all of it and nothing else."""

from pathlib import Path

from sqlalchemy import text

from rhesis_app.auth.actions.first_start import make_first_start_link
from rhesis_app.demo.actions.credentials import forget_credentials
from rhesis_app.demo.rules import EMAIL
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope


def remove_demo(host: Host, scope: Scope, data_dir: Path) -> str | None:
    """Erase the scope's organization, which must be the demonstration; nobody of it is signed in any more.

    Returns the path of a first-start link when nobody else is registered, so that nobody is locked out; else None.
    Raises Forbidden without `organization:delete`, NotFound when the organization is no demonstration.
    """
    scope.require(Permission.ORGANIZATION_DELETE)
    if not erase(scope):
        raise NotFound("This organization is not a demonstration. Nothing was removed.")
    forget_credentials(data_dir)
    return make_first_start_link(host)


def erase(scope: Scope) -> bool:
    """Erase every row of the scope's organization; False, and nothing happens, unless it is a demonstration."""
    # no audit entry: the log it would stand in goes as well
    with scope.atomic() as session:
        return bool(session.scalar(text("SELECT erase_demo()")))


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
