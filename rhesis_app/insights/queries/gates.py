"""Gates and what they said of runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, exists, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from rhesis_app.authoring.queries.narrowing import in_projects, total_of
from rhesis_app.insights.models import Gate, GateDecision
from rhesis_app.insights.rules.gates import words_of
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.etags import etag
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.json_rows import json_object
from rhesis_app.runs.queries.runs import is_counted


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    """A gate; `words` is its claim to be read."""

    id: UUID
    project_id: UUID
    name: str
    rule: dict[str, Any]
    words: str
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    etag: str
    can_manage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """What a gate said of a run, under the name and rule it had then, with the numbers it decided on."""

    gate_id: UUID
    name: str
    words: str
    decision: str
    sentence: str
    numbers: dict[str, Any]
    rule: dict[str, Any]
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGates:
    """What the gates of its project say of a run; `has_gates` while there is a live one, decided or not."""

    decisions: tuple[DecisionView, ...]
    has_gates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFilter:
    """Which gates to list."""

    project_id: UUID | None = None
    archived: bool = False


def list_gates(scope: Scope, request: PageRequest, chosen: GateFilter) -> Page[GateView]:
    """Gates by name."""
    query = in_projects(scope, scope.select(Gate), Gate.project_id, Permission.RUN_READ, chosen.project_id)
    query = query.where(Gate.archived_at.is_not(None) if chosen.archived else Gate.archived_at.is_(None))
    rows = scope.session.scalars(keyset(query, [By(Gate.name), By(Gate.id)], request)).all()
    total = scope.session.scalar(total_of(query)) if request.count else None
    return page_of(
        rows, request, key=lambda row: (row.name, row.id), view=lambda row: gate_view(scope, row), total=total
    )


def get_gate(scope: Scope, gate_id: UUID) -> GateView:
    """One gate, archived or not; NotFound for strangers."""
    row = scope.get(Gate, gate_id)
    scope.require(Permission.RUN_READ, project=row.project_id)
    return gate_view(scope, row)


def gate_view(scope: Scope, row: Gate) -> GateView:
    """A gate as it is shown."""
    return GateView(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        rule=row.rule,
        words=words_of(row.rule),
        created_at=row.created_at,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
        etag=etag(row.id, row.updated_at),
        can_manage=scope.may(Permission.GATE_MANAGE, project=row.project_id),
    )


def decisions_of(scope: Scope, run_ids: Iterable[UUID]) -> Mapping[UUID, tuple[DecisionView, ...]]:
    """What gates said of these runs, by run and then by name, in one statement. The caller has read the runs."""
    wanted = list(run_ids)
    if not wanted:
        return {}
    query = (
        scope.select(GateDecision)
        .where(GateDecision.run_id.in_(wanted))
        .order_by(GateDecision.run_id, GateDecision.name)
    )
    found: dict[UUID, list[DecisionView]] = {}
    for row in scope.session.scalars(query):
        found.setdefault(row.run_id, []).append(_decision(row))
    return {run_id: tuple(views) for run_id, views in found.items()}


def view_decisions(scope: Scope, run_id: UUID) -> tuple[DecisionView, ...]:
    """What gates said of one run; NotFound when it is not there to read."""
    project_id = scope.session.scalar(scope.select(TestRun.project_id).where(TestRun.id == run_id))
    if project_id is None:
        raise NotFound("There is no such run here.")
    scope.require(Permission.RUN_READ, project=project_id)
    return decisions_of(scope, (run_id,)).get(run_id, ())


def gates_column() -> ScalarSelect[Any]:
    """For a statement on TestRun: its decisions by name and whether there are live gates, read by `gates_of`."""
    fields = ("gate_id", "name", "rule", "decision", "numbers", "decided_at")
    row = json_object({name: getattr(GateDecision, name) for name in fields})
    live = exists().where(
        Gate.organization_id == TestRun.organization_id,
        Gate.project_id == TestRun.project_id,
        Gate.archived_at.is_(None),
    )
    listed = func.coalesce(func.json_agg(aggregate_order_by(row, GateDecision.name)), func.json_build_array())
    return (
        select(json_object({"decisions": listed, "has_gates": live.correlate(TestRun)}))
        .where(GateDecision.organization_id == TestRun.organization_id, GateDecision.run_id == TestRun.id)
        .correlate(TestRun)
        .scalar_subquery()
    )


def gates_of(column: Mapping[str, Any]) -> RunGates:
    """What `gates_column` brought."""
    decisions = tuple(_decision(_decision_row(row)) for row in column["decisions"])
    return RunGates(decisions=decisions, has_gates=column["has_gates"])


def _decision_row(row: Mapping[str, Any]) -> GateDecision:
    """A decision that came as JSON, as the row that it is."""
    typed = {"gate_id": UUID(row["gate_id"]), "decided_at": datetime.fromisoformat(row["decided_at"])}
    return GateDecision(**{**row, **typed})


def live_gates(scope: Scope, project_id: UUID) -> tuple[Gate, ...]:
    """The gates that decide a project's runs, by name."""
    query = scope.select(Gate).where(Gate.project_id == project_id, Gate.archived_at.is_(None)).order_by(Gate.name)
    return tuple(scope.session.scalars(query))


def previous_run(scope: Scope, run: TestRun) -> UUID | None:
    """The run of the same test set before this one that answered something: the latest by number.

    Only runs that asked the whole set count. Before a re-score stands what came before the run whose answers it scores.
    """
    before = int(run.config.get("answers_of") or run.number)
    query = (
        scope.select(TestRun.id)
        .where(
            is_counted(),
            TestRun.project_id == run.project_id,
            TestRun.test_set_id == run.test_set_id,
            TestRun.number < before,
            TestRun.finished_at.is_not(None),
            TestRun.outcome != "none",
        )
        .order_by(TestRun.number.desc())
        .limit(1)
    )
    return scope.session.scalar(query)


def _decision(row: GateDecision) -> DecisionView:
    return DecisionView(
        gate_id=row.gate_id,
        name=row.name,
        words=words_of(row.rule),
        decision=row.decision,
        sentence=row.numbers.get("sentence", ""),
        numbers={name: value for name, value in row.numbers.items() if name != "sentence"},
        rule=row.rule,
        decided_at=row.decided_at,
    )
