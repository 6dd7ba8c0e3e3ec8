"""A run with all its results, read in batches: a large one never sits in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, text, tuple_

from rhesis_app.authoring.models import Requirement, TestVersion
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestResult
from rhesis_app.runs.queries.json_rows import LISTED, evaluations_of_result
from rhesis_app.runs.queries.summary import run_summary
from rhesis_app.sdk import ExporterSpec, ReportEvaluation, ReportRow, RunReport

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """A format on offer."""

    key: str
    title: str


def list_formats(registry: Registry) -> tuple[ExportFormat, ...]:
    """The formats of all loaded plugins, by title."""
    formats = (ExportFormat(key=spec.key, title=spec.title) for spec in registry.exporters.values())
    return tuple(sorted(formats, key=lambda one: one.title.casefold()))


def exporter_of(registry: Registry, key: str) -> ExporterSpec:
    """The exporter of that key; Invalid at `format` naming those there are."""
    spec = registry.exporters.get(key)
    if spec is None:
        known = ", ".join(sorted(registry.exporters)) or "none; see Settings › Plugins"
        raise Invalid.field("format", f"There is no format “{key[:80]}” here. Choose one of: {known}.")
    return spec


def open_report(scope: Scope, registry: Registry, run_id: UUID, *, url: str | None = None) -> RunReport:
    """The report of a run; its rows are read from the database while they are consumed, by position and trial.

    Summary and rows are of one moment, whatever a running run adds meanwhile. NotFound for strangers.
    """
    scope.session.rollback()  # the snapshot must begin with this transaction's first statement
    scope.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    summary = run_summary(scope, registry, run_id, url=url)
    return RunReport(summary=summary, rows=_rows(scope, run_id))


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
            *(TestResult.test_id, TestResult.position, TestResult.trial, TestResult.output, TestResult.outcome),
            *(TestResult.error_code, TestResult.latency_ms, TestResult.tokens_in, TestResult.tokens_out),
            *(version.prompt, version.expected, version.facts, Requirement.name.label("requirement")),
            evaluations_of_result(LISTED).label("evaluations"),
        )
        .join(
            version,
            and_(version.organization_id == TestResult.organization_id, version.id == TestResult.test_version_id),
        )
        .outerjoin(
            Requirement,
            and_(
                Requirement.organization_id == TestResult.organization_id, Requirement.id == TestResult.requirement_id
            ),
        )
        .where(TestResult.run_id == run_id)
        .where(tuple_(TestResult.position, TestResult.trial) > text("(:position, :trial)"))
        .order_by(TestResult.position, TestResult.trial)
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
        metadata=found.facts,
        evaluations=tuple(_evaluation(one) for one in found.evaluations),
    )


def _evaluation(found: dict[str, Any]) -> ReportEvaluation:
    names = ("metric", "verdict", "score", "label", "reason", "required", "applicable")
    return ReportEvaluation(**{name: found[name] for name in names})
