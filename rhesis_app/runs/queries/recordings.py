"""What runs have recorded, and what replays took from it."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, case, cast, exists, func, literal, select

from rhesis_app.authoring.models import TestSet
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import RecordedExchange, TestResult, TestRun
from rhesis_app.runs.queries.json_rows import json_object
from rhesis_app.runs.rules.recordings import REPLAYS, Source

_MOST = 50


def is_replayed() -> ColumnElement[bool]:
    """The condition that a result's answer came from a recording: it is there, and nobody was asked for it."""
    return and_(TestResult.attempts == 0, TestResult.response.is_not(None))


def is_recording() -> ColumnElement[bool]:
    """The condition on TestRun that it has ended and recorded something."""
    kept = exists().where(
        RecordedExchange.organization_id == TestRun.organization_id, RecordedExchange.run_id == TestRun.id
    )
    return and_(TestRun.source == Source.RECORD, TestRun.finished_at.is_not(None), kept)


@cache
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


def recorded_choices(scope: Scope, project_id: UUID, test_set_id: UUID | None) -> Any:
    """The latest recordings of a test set, or of all that live, as rows of (kind, id, name, note), as `run_choices` joins them."""
    name = func.concat(
        TestRun.endpoint_snapshot["name"].as_string(), ", ", func.to_char(TestRun.created_at, "FMDD FMMonth YYYY")
    )
    of_set = TestRun.test_set_id == test_set_id if test_set_id else TestRun.test_set_id.in_(_live_sets(scope))
    return (
        scope.select(TestRun.id)
        .with_only_columns(
            literal("recordings").label("kind"),
            TestRun.id,
            name.label("name"),
            cast(TestRun.number, Text).label("note"),
        )
        .where(TestRun.project_id == project_id, of_set, is_recording())
        .order_by(TestRun.number.desc())
        .limit(_MOST)
        .subquery()
        .select()
    )


def _live_sets(scope: Scope) -> Any:
    return scope.select(TestSet.id).where(TestSet.archived_at.is_(None))


def _counts() -> Any:
    asked = func.count().filter(TestResult.attempts > 0)
    return json_object({"replayed": func.count().filter(is_replayed()), "asked": asked})
