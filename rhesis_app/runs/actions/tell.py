"""Telling the plugins that listen that a run has ended: as background work, so that no restart swallows it."""

from uuid import UUID

from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import NewJob, ask_for
from rhesis_app.runs.models import TestRun

TELL = "runs.announce"


def ask_to_tell_plugins(scope: Scope, run_id: UUID) -> None:
    """Have a worker tell them, in the transaction that ends the run."""
    project_id = scope.session.scalar(scope.select(TestRun.project_id).where(TestRun.id == run_id))
    ask_for(scope, NewJob(kind=TELL, subject_type="test_run", subject_id=run_id, project_id=project_id))
