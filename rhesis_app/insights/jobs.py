"""Background work of insights: ids in, one action call."""

from uuid import UUID

from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.stopping import stop_on_sigterm
from rhesis_app.insights.actions.analyse import ANALYSE, analyse_run
from rhesis_app.kernel.jobs import job
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, perform

_MAY = frozenset({Permission.PROJECT_READ, Permission.RUN_READ})


@job(ANALYSE, queue="jobs", permissions=_MAY, timeout_s=900, title="Analysis", cancel=Permission.REPORT_CREATE)
def analyse(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Look for what the failures of a run share."""

    def work(scope: Scope, held: Held) -> None:
        analyse_run(scope, held, host.judges)

    perform(host, scope, UUID(ids["job_id"]), work, stop_on_sigterm())
