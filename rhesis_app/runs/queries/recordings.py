"""What runs have recorded, and what replays took from it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, select

from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestResult, TestRun
from rhesis_app.runs.queries.json_rows import json_object
from rhesis_app.runs.rules.recordings import REPLAYS, Source

_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """A run that recorded its endpoint's answers."""

    id: UUID
    number: int
    endpoint: str
    created_at: datetime


def is_replayed() -> ColumnElement[bool]:
    """The condition that a result's answer came from a recording: it is there, and nobody was asked for it."""
    return and_(TestResult.attempts == 0, TestResult.response.is_not(None))


def counted_answers() -> Any:
    """A replay's answers by where they came from as one JSON column, null for other runs; correlated to TestRun."""
    counted = (
        select(_counts())
        .where(TestResult.organization_id == TestRun.organization_id, TestResult.run_id == TestRun.id)
        .correlate(TestRun)
        .scalar_subquery()
    )
    is_open = and_(TestRun.source.in_(REPLAYS), TestRun.finished_at.is_(None))
    return case((is_open, counted), else_=func.to_json(TestRun.answers))


def count_answers(scope: Scope, run_id: UUID) -> dict[str, int]:
    """The same for one run, read from its results."""
    query = select(_counts()).where(TestResult.organization_id == scope.organization_id, TestResult.run_id == run_id)
    return dict(scope.session.execute(query).scalar_one())


def recorded_runs(scope: Scope, project_id: UUID, test_set_id: UUID) -> tuple[RecordedRun, ...]:
    """The latest runs of a test set that recorded, newest first; those that are going on are left out."""
    query = (
        scope.select(TestRun.id, TestRun.number, TestRun.created_at)
        .add_columns(TestRun.endpoint_snapshot["name"].as_string().label("endpoint"))
        .where(TestRun.project_id == project_id, TestRun.test_set_id == test_set_id)
        .where(TestRun.source == Source.RECORD, TestRun.finished_at.is_not(None))
        .order_by(TestRun.number.desc())
        .limit(_MOST)
    )
    return tuple(RecordedRun(**row) for row in scope.session.execute(query).mappings())


def _counts() -> Any:
    asked = func.count().filter(TestResult.attempts > 0)
    return json_object({"replayed": func.count().filter(is_replayed()), "asked": asked})
