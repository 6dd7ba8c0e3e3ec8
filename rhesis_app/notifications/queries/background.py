"""Jobs as they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func

from rhesis_app.kernel.jobs import JobSpec
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Job
from rhesis_app.notifications.rules.jobs import FINAL

Kinds = Mapping[str, JobSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A piece of background work. `progress` is in percent; `next_try_at` is set while a job that failed waits."""

    id: UUID
    kind: str
    title: str
    subject_type: str
    subject_id: UUID
    project_id: UUID | None
    status: str
    progress: int
    attempt: int
    max_attempts: int
    next_try_at: datetime | None
    error_code: str | None
    error_detail: str | None
    asked_by: UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    can_cancel: bool

    @property
    def is_finished(self) -> bool:
        """Whether nothing about it changes any more."""
        return self.finished_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; empty fields leave nothing out."""

    status: str | None = None
    kind: str | None = None
    project_id: UUID | None = None


def list_jobs(scope: Scope, kinds: Kinds, request: PageRequest, chosen: JobFilter) -> Page[JobView]:
    """Jobs, newest first: those of the projects the actor may read, and those of no project."""
    if chosen.project_id is not None:
        scope.require(Permission.PROJECT_READ, project=chosen.project_id)
    wanted = {name: value for name in ("status", "kind", "project_id") if (value := getattr(chosen, name)) is not None}
    query = scope.select(Job).filter_by(**wanted)
    total = scope.session.scalar(query.with_only_columns(func.count())) if request.count else None
    rows = scope.session.scalars(keyset(query, [By(Job.id, descending=True)], request)).all()
    return page_of(
        rows,
        request,
        key=lambda row: (row.id,),
        view=lambda row: job_view(scope, row, kinds.get(row.kind)),
        total=total,
    )


def view_job(scope: Scope, kinds: Kinds, job_id: UUID) -> JobView:
    """One job; NotFound for strangers."""
    row = scope.get(Job, job_id)
    return job_view(scope, row, kinds.get(row.kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How the latest job about something stands."""

    id: UUID
    status: str
    progress: int
    error_detail: str | None

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.status in FINAL


def latest_job(scope: Scope, kind: str, subject_id: UUID) -> JobState | None:
    """The latest job of this kind about this subject, which the caller has read; None when there never was one."""
    query = (
        scope.select(Job.id, Job.status, Job.progress, Job.error_detail)
        .where(Job.kind == kind, Job.subject_id == subject_id)
        .order_by(Job.id.desc())
        .limit(1)
    )
    row = scope.session.execute(query).mappings().one_or_none()
    return JobState(**row) if row is not None else None


def job_is_finished(scope: Scope, job_id: UUID) -> bool:
    """Whether the job has ended: the cheapest question that somebody who waits can ask again and again."""
    query = scope.select(Job.id).where(Job.id == job_id, Job.finished_at.is_not(None))
    return scope.session.scalar(query) is not None


def job_view(scope: Scope, row: Job, spec: JobSpec | None) -> JobView:
    """A job as it is shown; `spec` is its kind, None when this version does not know it."""
    names = [name for name in JobView.__dataclass_fields__ if name not in {"title", "next_try_at", "can_cancel"}]
    return JobView(
        **{name: getattr(row, name) for name in names},
        title=spec.title if spec else row.kind,
        next_try_at=row.not_before if row.status == "queued" and row.attempt else None,
        can_cancel=row.finished_at is None and row.cancel_requested_at is None and may_cancel(scope, row, spec),
    )


def may_cancel(scope: Scope, row: Job, spec: JobSpec | None) -> bool:
    """Whether the actor may cancel this job: their own always, another's with the permission its kind names."""
    if row.asked_by is not None and row.asked_by == scope.actor.user_id:
        return True
    return spec is not None and spec.cancel is not None and scope.may(spec.cancel, project=row.project_id)
