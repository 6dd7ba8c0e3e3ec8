"""Background work of reports: ids in, one action call."""

from uuid import UUID

from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.stopping import stop_on_sigterm
from rhesis_app.kernel.jobs import job
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, perform
from rhesis_app.reports.actions.make import RENDER, render_report

_MAY = frozenset({Permission.PROJECT_READ, Permission.RUN_READ})


@job(RENDER, queue="jobs", permissions=_MAY, timeout_s=1800, title="Report", cancel=Permission.REPORT_CREATE)
def render(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Write a report."""

    def work(scope: Scope, held: Held) -> None:
        render_report(scope, host.registry, held, site=host.settings.site_url)

    perform(host, scope, UUID(ids["job_id"]), work, stop_on_sigterm())
