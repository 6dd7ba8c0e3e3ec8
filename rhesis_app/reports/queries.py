"""A run with all its results, read in batches: a large one never sits in memory. And the reports that are kept."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

import orjson
from sqlalchemy import Select, and_, func, text, tuple_
from sqlalchemy.orm import aliased

from rhesis_app.authoring.models import Requirement, TestVersion
from rhesis_app.authoring.queries.narrowing import in_projects, total_of
from rhesis_app.endpoints.rules.models import money
from rhesis_app.insights.queries.compared_tests import compare_with_tests
from rhesis_app.insights.queries.comparison import runs_to_compare
from rhesis_app.insights.queries.gates import decisions_of
from rhesis_app.kernel.errors import Conflict, Invalid, NotFound
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Job
from rhesis_app.projects.models import Project
from rhesis_app.reports.models import Report, ReportChunk
from rhesis_app.runs.models import EffectiveResult, TestRun
from rhesis_app.runs.queries.json_rows import REPORTED, evaluations_of_result
from rhesis_app.runs.queries.summary import run_summary
from rhesis_app.sdk import ExporterSpec, GateFinding, ReportEvaluation, ReportRow, RunReport

BATCH = 500
_JOB = and_(Job.organization_id == Report.organization_id, Job.id == Report.job_id)
_RUN = and_(TestRun.organization_id == Report.organization_id, TestRun.id == Report.run_id)
_PROJECT = and_(Project.organization_id == Report.organization_id, Project.id == Report.project_id)
_KEPT = (
    *("id", "project_id", "run_id", "baseline_id", "title", "file_name", "media_type", "bytes", "sha256", "job_id"),
    *("created_at", "expires_at"),
)
_NO_FILE = {
    "errored": "The report could not be written: read it to see why, then make it again.",
    "cancelled": "The report was cancelled before it was written. Make it again.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """A format on offer."""

    key: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A report that is kept until `expires_at`. `bytes` and `sha256` are there once its status is done."""

    id: UUID
    project_id: UUID
    project_slug: str
    run_id: UUID
    run_number: int
    baseline_id: UUID | None
    baseline_number: int | None
    exporter: str
    title: str
    file_name: str
    media_type: str
    bytes: int | None
    sha256: str | None
    status: str
    progress: int
    error_detail: str | None
    job_id: UUID
    created_at: datetime
    expires_at: datetime
    can_delete: bool

    @property
    def is_finished(self) -> bool:
        """Whether its job has ended, one way or another."""
        return self.status in {"done", "errored", "cancelled"}

    @property
    def is_ready(self) -> bool:
        """Whether there is a file."""
        return self.status == "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilter:
    """Which reports to list."""

    project_id: UUID | None = None
    run_id: UUID | None = None


def list_formats(registry: Registry) -> tuple[ExportFormat, ...]:
    """The formats of all loaded plugins, by title."""
    formats = (ExportFormat(key=spec.key, title=spec.title) for spec in registry.exporters.values())
    return tuple(sorted(formats, key=lambda one: one.title.casefold()))


def exporter_of(registry: Registry, key: str, *, field: str = "format") -> ExporterSpec:
    """The exporter of that key; Invalid at `field` naming those there are."""
    spec = registry.exporters.get(key)
    if spec is None:
        known = ", ".join(sorted(registry.exporters)) or "none; see Settings › Plugins"
        raise Invalid.field(field, f"There is no format “{key[:80]}” here. Choose one of: {known}.")
    return spec


def open_report(
    scope: Scope, registry: Registry, run_id: UUID, *, url: str | None = None, baseline_id: UUID | None = None
) -> RunReport:
    """The report of a run; its rows are read from the database while they are consumed, by position and trial.

    Summary and rows are of one moment, whatever a running run adds meanwhile. With a baseline it holds the comparison
    of both. NotFound for strangers, Invalid where the two cannot be compared.
    """
    scope.session.rollback()  # the snapshot must begin with this transaction's first statement
    scope.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    summary = replace(run_summary(scope, registry, run_id, url=url), gates=gate_findings(scope, run_id))
    comparison = _comparison(scope, baseline_id, run_id) if baseline_id is not None else None
    return RunReport(summary=summary, rows=_rows(scope, run_id), comparison=comparison)


def list_reports(scope: Scope, request: PageRequest, chosen: ReportFilter) -> Page[ReportView]:
    """Reports, newest first."""
    query = in_projects(scope, _reports(scope), Report.project_id, Permission.RUN_READ, chosen.project_id)
    if chosen.run_id is not None:
        query = query.where(Report.run_id == chosen.run_id)
    total = scope.session.scalar(total_of(query)) if request.count else None
    rows = scope.session.execute(keyset(query, [By(Report.id, descending=True)], request)).all()
    return page_of(rows, request, key=lambda row: (row.id,), view=lambda row: _report(scope, row), total=total)


def view_report(scope: Scope, report_id: UUID) -> ReportView:
    """One report; NotFound for strangers, and once it has expired."""
    row = scope.session.execute(_reports(scope).where(Report.id == report_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such report here. Reports are kept for a while: make it again.")
    scope.require(Permission.RUN_READ, project=row.project_id)
    return _report(scope, row)


def report_is_finished(scope: Scope, report_id: UUID) -> bool:
    """Whether its job has ended: the cheapest question that somebody who waits can ask again and again."""
    query = scope.select(Report.id).join(Job, _JOB).where(Report.id == report_id, Job.finished_at.is_not(None))
    return scope.session.scalar(query) is not None


def copy_file(scope: Scope, view: ReportView, file: BinaryIO) -> None:
    """Write the report's file into `file`, a piece at a time. Raises Conflict with what to do while there is none."""
    if not view.is_ready:
        raise Conflict(_NO_FILE.get(view.status, "The report is still being written. Ask again in a moment."))
    number = 0
    while piece := scope.session.scalar(_piece(scope, view.id, number)):
        file.write(piece)
        number += 1


def _reports(scope: Scope) -> Select[Any]:
    baseline = aliased(TestRun, name="baseline")
    kept = [getattr(Report, name) for name in _KEPT]
    return (
        scope.select(*kept, Report.exporter_key.label("exporter"), Job.status, Job.progress, Job.error_detail)
        .add_columns(
            TestRun.number.label("run_number"),
            baseline.number.label("baseline_number"),
            Project.slug.label("project_slug"),
        )
        .join(Job, _JOB)
        .join(TestRun, _RUN)
        .join(Project, _PROJECT)
        .outerjoin(
            baseline, and_(baseline.organization_id == Report.organization_id, baseline.id == Report.baseline_id)
        )
        .where(Report.expires_at > func.now())
    )


def _report(scope: Scope, row: Any) -> ReportView:
    names = [name for name in ReportView.__dataclass_fields__ if name != "can_delete"]
    may_delete = scope.may(Permission.REPORT_CREATE, project=row.project_id)
    return ReportView(**{name: getattr(row, name) for name in names}, can_delete=may_delete)


def _piece(scope: Scope, report_id: UUID, number: int) -> Any:
    return scope.select(ReportChunk.content).where(ReportChunk.report_id == report_id, ReportChunk.number == number)


def gate_findings(scope: Scope, run_id: UUID) -> tuple[GateFinding, ...]:
    """What the gates said of a run that the caller may read."""
    return tuple(
        GateFinding(name=one.name, claim=one.words, decision=one.decision, reason=one.sentence)
        for one in decisions_of(scope, (run_id,)).get(run_id, ())
    )


def _comparison(scope: Scope, baseline_id: UUID, run_id: UUID) -> Mapping[str, Any]:
    """The comparison as the API tells it: plain JSON, so that a plugin needs none of our classes."""
    found = compare_with_tests(scope, *runs_to_compare(scope, baseline_id, run_id))
    document: dict[str, Any] = orjson.loads(orjson.dumps(found))
    return document


def _rows(scope: Scope, run_id: UUID) -> Iterator[ReportRow]:
    after = (0, 0)
    while batch := scope.session.execute(_batch(scope, run_id), {"position": after[0], "trial": after[1]}).all():
        yield from (_row(found) for found in batch)
        after = (batch[-1].position, batch[-1].trial)


def _batch(scope: Scope, run_id: UUID) -> Any:
    """The next results after (:position, :trial), each with its evaluations."""
    version = TestVersion
    return (
        scope.select(
            *(
                EffectiveResult.test_id,
                EffectiveResult.position,
                EffectiveResult.trial,
                EffectiveResult.output,
                EffectiveResult.outcome,
            ),
            *(
                EffectiveResult.error_code,
                EffectiveResult.latency_ms,
                EffectiveResult.tokens_in,
                EffectiveResult.tokens_out,
                EffectiveResult.cost,
            ),
            *(version.prompt, version.expected, version.facts, Requirement.name.label("requirement")),
            evaluations_of_result(REPORTED).label("evaluations"),
        )
        .join(
            version,
            and_(
                version.organization_id == EffectiveResult.organization_id,
                version.id == EffectiveResult.test_version_id,
            ),
        )
        .outerjoin(
            Requirement,
            and_(
                Requirement.organization_id == EffectiveResult.organization_id,
                Requirement.id == EffectiveResult.requirement_id,
            ),
        )
        .where(EffectiveResult.run_id == run_id)
        .where(tuple_(EffectiveResult.position, EffectiveResult.trial) > text("(:position, :trial)"))
        .order_by(EffectiveResult.position, EffectiveResult.trial)
        .limit(BATCH)
    )


def _row(found: Any) -> ReportRow:
    return ReportRow(
        test_id=str(found.test_id),
        position=found.position,
        trial=found.trial,
        prompt=found.prompt,
        output=found.output,
        outcome=found.outcome,
        expected=found.expected,
        requirement=found.requirement,
        error_code=found.error_code,
        latency_ms=found.latency_ms,
        tokens_in=found.tokens_in,
        tokens_out=found.tokens_out,
        cost=money(found.cost),
        metadata=found.facts,
        evaluations=tuple(_evaluation(one) for one in found.evaluations),
    )


def _evaluation(found: dict[str, Any]) -> ReportEvaluation:
    return ReportEvaluation(**{name: found[name] for name in ReportEvaluation.__dataclass_fields__})
