"""Changes to many tests as they are shown."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rhesis_app.authoring.models import TestEdit
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.queries.background import latest_job

EDIT = "tests.edit"
"""The kind of job that changes many tests."""
MOST = 20_000
"""How many tests one edit may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestEditView:
    """One change to many tests: `matched` were meant, `changed` are another now, null until it is done.

    `status` is done, or its job's: queued, running, errored, cancelled.
    """

    __test__ = False

    id: UUID
    project_id: UUID
    matched: int
    changed: int | None
    status: str
    progress: int
    error_detail: str | None
    job_id: UUID | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_finished(self) -> bool:
        """Whether nothing about it changes any more."""
        return self.status in {"done", "errored", "cancelled"}


def view_edit(scope: Scope, edit_id: UUID) -> TestEditView:
    """One edit; NotFound for strangers."""
    row = scope.get(TestEdit, edit_id)
    scope.require(Permission.TEST_READ, project=row.project_id)
    scope.session.refresh(row)
    job = latest_job(scope, EDIT, edit_id)
    is_done = row.finished_at is not None
    return TestEditView(
        id=row.id,
        project_id=row.project_id,
        matched=len(row.test_ids),
        changed=row.changed,
        status="done" if is_done else job.status if job else "cancelled",
        progress=100 if is_done else job.progress if job else 0,
        error_detail=job.error_detail if job and not is_done else None,
        job_id=job.id if job else None,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def edit_is_finished(scope: Scope, edit_id: UUID) -> bool:
    """Whether it has ended, one way or another."""
    return view_edit(scope, edit_id).is_finished
