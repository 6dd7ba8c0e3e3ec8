"""Background work of retention: ids in, one action call."""

from uuid import UUID

from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.stopping import stop_on_sigterm
from rhesis_app.kernel.jobs import job
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import perform
from rhesis_app.retention.actions.export import EXPORT, make_archive

_MAY = frozenset({Permission.PROJECT_READ})


@job(EXPORT, queue="jobs", permissions=_MAY, timeout_s=7200, title="Archive", cancel=Permission.ORGANIZATION_DELETE)
def export(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Write an archive of the organization."""
    perform(host, scope, UUID(ids["job_id"]), make_archive, stop_on_sigterm())
