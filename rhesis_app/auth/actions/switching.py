"""Taking a program's session to another organization, with tokens for it."""

from uuid import UUID

from sqlalchemy import text

from rhesis_app.auth.actions.sessions import Entered, switch_organization
from rhesis_app.kernel.errors import Unauthenticated
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest, new_secret
from rhesis_app.kernel.scope import Scope


def switch_with_tokens(host: Host, scope: Scope, session_id: UUID | None, organization_id: UUID) -> tuple[Entered, str]:
    """Make another organization the session's and replace its refresh token. Raises NotFound, Forbidden for a token."""
    entered, following = switch_organization(host, scope, session_id, organization_id), new_secret()
    replace = text("SELECT replace_refresh(:session, :id, :digest)")
    with scope.atomic() as session:
        values = {"session": entered.session_id, "id": new_id(), "digest": digest(following)}
        if not session.scalar(replace, values):
            raise Unauthenticated("This session has ended. Log in again.")
    return entered, following
