"""Background work of runs: ids in, one action call."""

from uuid import UUID

from rhesis_app.infra.runtime import Runtime
from rhesis_app.infra.stopping import stop_on_sigterm
from rhesis_app.kernel.jobs import job
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, perform
from rhesis_app.runs.actions.again_many import RESCORE, start_rescores
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.plan import Parts
from rhesis_app.runs.actions.start import ring
from rhesis_app.runs.actions.tell import TELL
from rhesis_app.runs.queries.summary import run_summary

_MAY_RESCORE = frozenset({Permission.METRIC_READ, Permission.PROJECT_READ, Permission.RUN_EXECUTE, Permission.RUN_READ})
_MAY_TELL = frozenset({Permission.PROJECT_READ, Permission.RUN_READ})


@job("runs.drive", queue="runs", permissions=frozenset({Permission.RUN_READ}), timeout_s=700)
def drive(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Drive one slice, and ring for the next one at the tail of the queue."""
    run_id = UUID(ids["run_id"])
    parts = Parts(
        registry=host.registry,
        door=host.door,
        secrets=host.secrets,
        judges=host.judges,
        holder=host.name_holder(),
    )
    if drive_run(scope, parts, run_id, stop=stop_on_sigterm()):
        ring(scope, run_id, 1, 600)


@job(RESCORE, queue="jobs", permissions=_MAY_RESCORE, timeout_s=900, title="Re-scoring", cancel=Permission.RUN_EXECUTE)
def rescore(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Start the re-scores of many runs."""

    def work(scope: Scope, held: Held) -> None:
        start_rescores(scope, host.registry, held)

    perform(host, scope, UUID(ids["job_id"]), work, stop_on_sigterm())


@job(TELL, queue="jobs", permissions=_MAY_TELL, title="Telling plugins of an ended run")
def announce(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Tell the plugins that listen that a run has ended."""

    def work(scope: Scope, held: Held) -> None:
        host.registry.run_finished(run_summary(scope, host.registry, held.subject_id))

    perform(host, scope, UUID(ids["job_id"]), work, stop_on_sigterm())
