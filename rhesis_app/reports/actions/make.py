"""Reports that are made in the background and kept for a while."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from tempfile import TemporaryFile
from typing import BinaryIO, cast
from uuid import UUID

from sqlalchemy import Interval, func, insert, literal, select

from rhesis_app.insights.queries.comparison import compare_runs, runs_to_compare
from rhesis_app.kernel.errors import Conflict, TooMany
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import Held, NewJob, ask_for, withdraw
from rhesis_app.notifications.models import Job
from rhesis_app.projects.queries import get_project
from rhesis_app.reports.actions.announce import announce_report
from rhesis_app.reports.actions.write import write_report
from rhesis_app.reports.models import Report, ReportChunk
from rhesis_app.reports.queries import exporter_of, open_report, view_report
from rhesis_app.reports.rules import MAX_BYTES, MEBIBYTE, MOST_OPEN, Bounded, TooLarge, file_name, pieces
from rhesis_app.runs.queries.runs import view_run
from rhesis_app.sdk import ReportRow, RunReport

RENDER = "reports.render"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """A report to make of a run; with a baseline, of the comparison of both."""

    run_id: UUID
    exporter: str
    baseline_id: UUID | None = None


def ask_for_report(scope: Scope, registry: Registry, new: NewReport, *, kept: timedelta) -> UUID:
    """Have a report of an ended run written in the background and kept for a while; its id.

    Raises NotFound, Forbidden, Invalid at `exporter`, `baseline` or `candidate`, Conflict while the run goes on, TooMany.
    """
    run = view_run(scope, new.run_id)
    scope.require(Permission.REPORT_CREATE, project=run.project_id)
    exporter = exporter_of(registry, new.exporter, field="exporter")
    if not run.is_finished:
        raise Conflict(f"Run #{run.number} is still going on: its report can be made when it has ended.")
    against = None
    if new.baseline_id is not None:
        baseline, candidate = runs_to_compare(scope, new.baseline_id, new.run_id)
        against = compare_runs(scope, baseline, candidate).baseline.number
    _refuse_flood(scope)
    report_id = new_id()
    slug = get_project(scope, run.project_id).slug
    with scope.atomic() as session:
        job_id = ask_for(
            scope, NewJob(kind=RENDER, subject_type="report", subject_id=report_id, project_id=run.project_id)
        )
        row = Report(
            id=report_id,
            project_id=run.project_id,
            run_id=run.id,
            baseline_id=new.baseline_id,
            exporter_key=exporter.key,
            title=exporter.title,
            file_name=file_name(slug, run.number, exporter.extension, against),
            media_type=exporter.media_type,
            job_id=job_id,
            expires_at=func.now() + literal(kept, Interval),
        )
        session.add(row)
        session.flush()
        scope.record("report.create", "report", report_id, exporter=exporter.key, run=str(run.id))
    return report_id


def render_report(scope: Scope, registry: Registry, held: Held, *, site: str | None) -> None:
    """Write the report that the job is about; its file is there, whole, when the job is done. `site` begins its link.

    Raises NotFound, Invalid (its exporter is gone), ExporterFailed, Conflict when it grows too large.
    """
    wanted = view_report(scope, held.subject_id)
    exporter = exporter_of(registry, wanted.exporter, field="exporter")
    url = f"{site}/p/{wanted.project_slug}/runs/{wanted.run_number}" if site else None
    report = open_report(scope, registry, wanted.run_id, url=url, baseline_id=wanted.baseline_id)
    ticking = replace(report, rows=_ticking(report, held))
    with TemporaryFile() as file:
        try:
            write_report(exporter, ticking, cast(BinaryIO, Bounded(file)))
        except TooLarge:
            raise Conflict(f"The file grew past {MAX_BYTES // MEBIBYTE} MB. Choose a more compact format.") from None
        scope.session.rollback()  # what was read was of one moment; what is written now is of the present
        with held.finishing(scope):
            _keep(scope, wanted.id, file)
            announce_report(scope, wanted, held.asked_by)


def delete_report(scope: Scope, report_id: UUID) -> None:
    """Delete a report with its file; one that is still being written is given up."""
    with scope.atomic() as session:
        row = scope.get(Report, report_id)
        scope.require(Permission.REPORT_CREATE, project=row.project_id)
        withdraw(scope, row.job_id)  # first: a worker that is about to finish has locked the job before the report
        session.delete(row)
        scope.record("report.delete", "report", report_id, exporter=row.exporter_key, run=str(row.run_id))


def _refuse_flood(scope: Scope) -> None:
    waiting = select(func.count()).where(
        Job.organization_id == scope.organization_id, Job.kind == RENDER, Job.finished_at.is_(None)
    )
    if (scope.session.scalar(waiting) or 0) >= MOST_OPEN:
        raise TooMany(f"{MOST_OPEN} reports are waiting already. Ask again when some are done.", retry_after_s=30)


def _ticking(report: RunReport, held: Held) -> Iterator[ReportRow]:
    planned = max(report.summary.totals.answered, 1)
    for number, row in enumerate(report.rows):
        if number % 100 == 0:
            held.tick(number * 100 // planned)
        yield row


def _keep(scope: Scope, report_id: UUID, file: BinaryIO) -> None:
    """Put the file beside its row in pieces: every machine that reaches the database can serve it."""
    digest, size = hashlib.sha256(), 0
    row = scope.get(Report, report_id, lock=True)
    for number, piece in enumerate(pieces(file)):
        digest.update(piece)
        size += len(piece)
        values = {"organization_id": scope.organization_id, "report_id": report_id, "number": number, "content": piece}
        scope.session.execute(insert(ReportChunk).values(values))
    row.bytes, row.sha256 = size, digest.hexdigest()
    scope.session.flush()
