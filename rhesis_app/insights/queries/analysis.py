"""What failures have in common: the results it is read off, and what was found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, tuple_

from rhesis_app.authoring.models import Requirement, TestVersion
from rhesis_app.insights.models import Analysis
from rhesis_app.insights.rules.failures import Case, SharedReason, SharedTrait, masked, traits_of
from rhesis_app.insights.rules.group_names import Example, GroupName
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.models import Job
from rhesis_app.runs.models import EffectiveResult, TestRun
from rhesis_app.runs.queries.json_rows import LISTED, evaluations_of_result

BATCH = 500
_ANSWER = 2_000
_WANTED = ("metric", "verdict", "reason", "required", "applicable")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedGroups:
    """What a model called the traits (`group` is a trait's place in the list), with what that cost; its words, not ours.

    `problem` says why there are none.
    """

    groups: tuple[GroupName, ...]
    problem: str
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisView:
    """What the failures of a run share. `status` is its job's; the lists are there once it is done.

    `named` is there when a model was asked to name the traits.
    """

    run_id: UUID
    job_id: UUID
    status: str
    progress: int
    error_detail: str | None
    analysed_at: datetime | None
    failed: int
    decided: int
    traits: tuple[SharedTrait, ...]
    reasons: tuple[SharedReason, ...]
    errors: tuple[SharedReason, ...]
    named: NamedGroups | None

    @property
    def is_finished(self) -> bool:
        """Whether its job has ended, one way or another."""
        return self.status in {"done", "errored", "cancelled"}


def view_analysis(scope: Scope, run_id: UUID) -> AnalysisView:
    """The analysis of a run; NotFound for strangers, and while nobody has asked for one."""
    found = find_analysis(scope, run_id)
    if found is None:
        raise NotFound("Nobody has asked for an analysis of this run yet.")
    return found


def find_analysis(scope: Scope, run_id: UUID) -> AnalysisView | None:
    """The same, or None while nobody has asked for one."""
    row = scope.session.execute(
        scope.select(Analysis.run_id, Analysis.job_id, Analysis.document, Analysis.analysed_at)
        .add_columns(Job.status, Job.progress, Job.error_detail, TestRun.project_id)
        .join(Job, and_(Job.organization_id == Analysis.organization_id, Job.id == Analysis.job_id))
        .join(TestRun, and_(TestRun.organization_id == Analysis.organization_id, TestRun.id == Analysis.run_id))
        .where(Analysis.run_id == run_id)
    ).one_or_none()
    if row is None:
        return None
    scope.require(Permission.RUN_READ, project=row.project_id)
    document = row.document or {"failed": 0, "decided": 0, "traits": [], "reasons": [], "errors": []}
    return AnalysisView(
        **{
            name: getattr(row, name)
            for name in ("run_id", "job_id", "status", "progress", "error_detail", "analysed_at")
        },
        failed=document["failed"],
        decided=document["decided"],
        traits=tuple(SharedTrait(**_tuples(one)) for one in document["traits"]),
        reasons=tuple(SharedReason(**_tuples(one)) for one in document["reasons"]),
        errors=tuple(SharedReason(**_tuples(one)) for one in document["errors"]),
        named=_named(document.get("named")),
    )


def analysis_is_finished(scope: Scope, run_id: UUID) -> bool:
    """Whether its job has ended: the cheapest question that somebody who waits can ask again and again."""
    query = (
        scope.select(Analysis.run_id)
        .join(Job, and_(Job.organization_id == Analysis.organization_id, Job.id == Analysis.job_id))
        .where(Analysis.run_id == run_id, Job.finished_at.is_not(None))
    )
    return scope.session.scalar(query) is not None


def read_examples(scope: Scope, result_ids: list[UUID]) -> dict[str, Example]:
    """These results as a model is shown them, by id."""
    result, version = EffectiveResult, TestVersion
    query = (
        scope.select(result.id, func.left(result.output, _ANSWER).label("output"), version.prompt)
        .add_columns(evaluations_of_result({name: LISTED[name] for name in _WANTED}).label("evaluations"))
        .join(version, and_(version.organization_id == result.organization_id, version.id == result.test_version_id))
        .where(result.id.in_(result_ids))
    )
    return {
        str(row.id): Example(
            result_id=str(row.id),
            prompt=row.prompt,
            output=row.output or "",
            reasons=tuple(f"{one['metric']}: {one['reason']}" for one in row.evaluations if one["verdict"] == "failed"),
        )
        for row in scope.session.execute(query)
    }


def read_cases(scope: Scope, run_id: UUID) -> Iterator[tuple[str, Case]]:
    """The run's results with their outcomes, one by one; those that could not be decided are left out."""
    after = (0, 0)
    while batch := scope.session.execute(_batch(scope, run_id, after)).all():
        yield from ((row.outcome, _case(row)) for row in batch if row.outcome != "unscored")
        after = (batch[-1].position, batch[-1].trial)


def _batch(scope: Scope, run_id: UUID, after: tuple[int, int]) -> Any:
    result, version = EffectiveResult, TestVersion
    return (
        scope.select(result.id, result.position, result.trial, result.outcome, result.error_code, result.error_detail)
        .add_columns(func.left(result.output, _ANSWER).label("output"), version.prompt, version.facts)
        .add_columns(Requirement.name.label("requirement"))
        .add_columns(evaluations_of_result({name: LISTED[name] for name in _WANTED}).label("evaluations"))
        .join(
            version,
            and_(version.organization_id == result.organization_id, version.id == result.test_version_id),
        )
        .outerjoin(
            Requirement,
            and_(Requirement.organization_id == result.organization_id, Requirement.id == result.requirement_id),
        )
        .where(result.run_id == run_id, tuple_(result.position, result.trial) > after)
        .order_by(result.position, result.trial)
        .limit(BATCH)
    )


def _case(row: Any) -> Case:
    if row.outcome == "error":
        words = masked(row.error_code or "error", row.error_detail or "")
        return Case(result_id=str(row.id), failed=True, traits=frozenset(), reasons=(words,))
    failed = row.outcome == "failed"
    reasons = [
        masked(one["metric"], one["reason"])
        for one in row.evaluations
        if failed and one["required"] and one["applicable"] and one["verdict"] == "failed"
    ]
    found = {"requirement": row.requirement, "facts": row.facts, "prompt": row.prompt, "output": row.output}
    return Case(result_id=str(row.id), failed=failed, traits=traits_of(found), reasons=tuple(reasons))


def _named(kept: dict[str, Any] | None) -> NamedGroups | None:
    if kept is None:
        return None
    return NamedGroups(**{**kept, "groups": tuple(GroupName(**_tuples(one)) for one in kept["groups"])})


def _tuples(found: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
