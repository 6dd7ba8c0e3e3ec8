"""What took the place of what, as columns beside a result."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from rhesis_app.runs.models import EffectiveResult, Replacement, TestResult, TestRun
from rhesis_app.runs.queries.json_rows import json_object


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedError:
    """The error that stood here before a retry, `retry_number`, brought the answer `answer_id`."""

    error_code: str
    error_detail: str | None
    attempts: int
    retry_number: int
    answer_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class StandsIn:
    """Where a retry's answer counts: the result of run `run_number` whose error it replaced."""

    run_number: int
    result_id: UUID


@cache
def replaced_error() -> Any:
    """The error that a result was first, as JSON or null; correlated to EffectiveResult."""
    first, retry = aliased(TestResult, name="first"), aliased(TestRun, name="retry")
    told = {
        "error_code": first.error_code,
        "error_detail": first.error_detail,
        "attempts": first.attempts,
        "retry_number": retry.number,
        "answer_id": Replacement.answer_id,
    }
    return (
        select(json_object(told))
        .select_from(Replacement)
        .join(first, and_(first.organization_id == Replacement.organization_id, first.id == Replacement.result_id))
        .join(retry, and_(retry.organization_id == Replacement.organization_id, retry.id == Replacement.retry_run_id))
        .where(
            Replacement.organization_id == EffectiveResult.organization_id,
            Replacement.run_id == EffectiveResult.run_id,
            Replacement.test_version_id == EffectiveResult.test_version_id,
            Replacement.trial == EffectiveResult.trial,
        )
        .correlate(EffectiveResult)
        .scalar_subquery()
    )


@cache
def stands_in() -> Any:
    """Where a retry's answer counts, as JSON or null; correlated to EffectiveResult."""
    of = aliased(TestRun, name="replaced_in")
    return (
        select(json_object({"run_number": of.number, "result_id": Replacement.result_id}))
        .select_from(Replacement)
        .join(of, and_(of.organization_id == Replacement.organization_id, of.id == Replacement.run_id))
        .where(
            Replacement.organization_id == EffectiveResult.organization_id, Replacement.answer_id == EffectiveResult.id
        )
        .correlate(EffectiveResult)
        .scalar_subquery()
    )


def replaced_view(found: dict[str, Any] | None) -> ReplacedError | None:
    """From its column."""
    return ReplacedError(**{**found, "answer_id": UUID(found["answer_id"])}) if found else None


def stands_in_view(found: dict[str, Any] | None) -> StandsIn | None:
    """From its column."""
    return StandsIn(**{**found, "result_id": UUID(found["result_id"])}) if found else None
