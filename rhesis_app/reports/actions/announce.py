"""Telling people of ended runs and finished reports."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func

from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.announce import announce
from rhesis_app.notifications.rules.events import Event, EventKind, Recipient
from rhesis_app.projects.queries import get_project
from rhesis_app.reports.queries import ReportView, gate_findings
from rhesis_app.reports.rules import report_message, run_message
from rhesis_app.runs.models import Schedule, TestRun
from rhesis_app.runs.queries.summary import run_summary
from rhesis_app.runs.rules import RunKind
from rhesis_app.tenancy.queries.members import member_address


def announce_run(scope: Scope, run_id: UUID, *, registry: Registry) -> None:
    """Tell whoever started or scheduled a run that it has ended, and what its gates said; once, whoever ends it.

    Of a retry they hear what its answers have made of the run whose errors it asked.
    """
    row = scope.session.execute(_asked(scope).where(TestRun.id == run_id)).one_or_none()
    recipients = _people(scope, row.asked_by) if row is not None else ()
    if row is None or not recipients:
        return
    shown_id = row.parent_run_id if row.kind == RunKind.RETRY else run_id
    summary = replace(run_summary(scope, registry, shown_id), gates=gate_findings(scope, shown_id))
    kinds = [EventKind.RUN_FINISHED]
    if any(gate.decision == "failed" for gate in summary.gates):
        kinds.append(EventKind.GATE_FAILED)  # whoever wants to hear of failed gates alone hears of this run
    slug = get_project(scope, row.project_id).slug
    announce(
        scope,
        Event(
            kinds=tuple(kinds),
            subject_id=run_id,
            message=run_message(summary, slug),
            recipients=recipients,
            project_id=row.project_id,
        ),
    )


def announce_report(scope: Scope, report: ReportView, asked_by: UUID | None) -> None:
    """Tell whoever asked for a report that it is there."""
    announce(
        scope,
        Event(
            kinds=(EventKind.REPORT_READY,),
            subject_id=report.id,
            message=report_message(report.title, report.project_slug, report.run_number, report.baseline_number),
            recipients=_people(scope, asked_by),
            project_id=report.project_id,
        ),
    )


def _asked(scope: Scope) -> Select[Any]:
    """Runs with who started them or, where nobody did, made their schedule."""
    of_schedule = and_(Schedule.organization_id == TestRun.organization_id, Schedule.id == TestRun.schedule_id)
    asked_by = func.coalesce(TestRun.started_by, Schedule.created_by).label("asked_by")
    return scope.select(TestRun.project_id, TestRun.kind, TestRun.parent_run_id, asked_by).outerjoin(
        Schedule, of_schedule
    )


def _people(scope: Scope, user_id: UUID | None) -> tuple[Recipient, ...]:
    """The person, while they still belong here."""
    if user_id is None:
        return ()
    address = member_address(scope, user_id)
    return (Recipient(address=address, user_id=user_id),) if address else ()
