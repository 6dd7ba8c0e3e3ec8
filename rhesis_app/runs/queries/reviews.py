"""What people said of results: current and superseded reviews."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from rhesis_app.authoring.models import MetricVersion
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveResult, Evaluation, Review, TestRun
from rhesis_app.runs.queries.json_rows import json_object
from rhesis_app.tenancy.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewView:
    """A person's verdict on a result, or on the evaluation of `metric`; only current ones count."""

    id: UUID
    evaluation_id: UUID | None
    metric: str | None
    verdict: str
    comment: str
    author: str | None
    created_at: datetime
    is_current: bool


@cache
def reviews_of_result() -> Any:
    """A result's reviews as a JSON array, newest first; correlated to EffectiveResult."""
    columns = {
        "id": Review.id,
        "evaluation_id": Review.evaluation_id,
        "metric": MetricVersion.name,
        "verdict": Review.verdict,
        "comment": Review.comment,
        "author": User.name,
        "created_at": Review.created_at,
        "is_current": Review.superseded_at.is_(None),
    }
    organization = Review.organization_id
    return (
        select(
            func.coalesce(
                func.json_agg(aggregate_order_by(json_object(columns), Review.id.desc())), func.json_build_array()
            )
        )
        .select_from(Review)
        .outerjoin(Evaluation, and_(Evaluation.organization_id == organization, Evaluation.id == Review.evaluation_id))
        .outerjoin(
            MetricVersion,
            and_(MetricVersion.organization_id == organization, MetricVersion.id == Evaluation.metric_version_id),
        )
        .outerjoin(User, User.id == Review.author_id)
        .where(
            organization == EffectiveResult.organization_id,
            Review.run_id == EffectiveResult.run_id,
            Review.result_id == EffectiveResult.id,
        )
        .correlate(EffectiveResult)
        .scalar_subquery()
    )


def review_view(found: Mapping[str, Any]) -> ReviewView:
    """A review from its JSON."""
    evaluation_id = found["evaluation_id"]
    return ReviewView(
        **{
            **found,
            "id": UUID(found["id"]),
            "evaluation_id": UUID(evaluation_id) if evaluation_id else None,
            "created_at": datetime.fromisoformat(found["created_at"]),
        }
    )


def list_reviews(scope: Scope, result_id: UUID) -> tuple[ReviewView, ...]:
    """The reviews of a result, newest first; NotFound when it is not there to read."""
    query = (
        scope.select(TestRun.project_id, reviews_of_result().label("reviews"))
        .join(
            EffectiveResult,
            and_(EffectiveResult.organization_id == TestRun.organization_id, EffectiveResult.run_id == TestRun.id),
        )
        .where(EffectiveResult.id == result_id)
    )
    row = scope.session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such result here.")
    scope.require(Permission.RUN_READ, project=row.project_id)
    return tuple(review_view(found) for found in row.reviews)
