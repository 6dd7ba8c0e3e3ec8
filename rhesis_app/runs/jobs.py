"""Background work of runs: ids in, one action call."""

import signal
import threading
from types import FrameType
from uuid import UUID

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.jobs import job
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.plan import Parts
from rhesis_app.runs.actions.start import ring
from rhesis_app.runs.queries.summary import run_summary


@job("runs.drive", queue="runs", permissions=frozenset({Permission.RUN_READ}), timeout_s=700)
def drive(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Drive one slice, and ring for the next one at the tail of the queue."""
    run_id = UUID(ids["run_id"])
    parts = Parts(registry=host.registry, door=host.door, secrets=host.secrets)
    if drive_run(scope, parts, run_id, stop=_stop_on_sigterm()):
        ring(scope, run_id, 1, 600)


@job("runs.announce", queue="jobs", permissions=frozenset({Permission.RUN_READ}))
def announce(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
    """Tell the plugins that listen that a run has ended."""
    if host.registry.listeners:
        host.registry.run_finished(run_summary(scope, host.registry, UUID(ids["run_id"])))


def _stop_on_sigterm() -> threading.Event:
    """A deploy: RQ resets the child's SIGTERM, so the slice listens for it itself."""
    stop = threading.Event()

    def _heard(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _heard)
    return stop
