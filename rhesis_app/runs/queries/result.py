"""One result in full, and its neighbours in the list it was opened from."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from rhesis_app.authoring.models import Prompt, PromptVersion, Requirement, TestSet, TestVersion
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import EffectiveResult, TestRun
from rhesis_app.runs.queries.json_rows import SHOWN, evaluations_of_result, json_object
from rhesis_app.runs.queries.replacements import (
    ReplacedError,
    StandsIn,
    replaced_error,
    replaced_view,
    stands_in,
    stands_in_view,
)
from rhesis_app.runs.queries.result_keys import ResultFilter, key_of, matches_of, page_keys
from rhesis_app.runs.queries.reviews import ReviewView, review_view, reviews_of_result
from rhesis_app.runs.queries.wording import ScoreScale, scale_of, words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenCriteria:
    """The version of a prompt that a judge's criteria were taken from when they were first frozen."""

    prompt_id: UUID
    name: str
    prompt_version_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationView:
    """One metric's word on this result; `rule` is read after "needs", `scale` draws the score.

    `model`, `tokens_in`, `tokens_out`, `cost` (US dollars) and `raw`, all that it said, are of the model that was asked to
    judge, also when its answers were of no use; `criteria_from` says which version of a prompt its criteria were taken from.
    """

    id: UUID
    metric: str
    metric_id: UUID
    evaluator: str
    revision: int
    required: bool
    applicable: bool
    verdict: str
    automated_verdict: str
    score: float | None
    label: str | None
    reason: str
    evidence: dict[str, Any]
    rule: str
    scale: ScoreScale
    duration_ms: float | None
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost: str | None
    raw: tuple[str, ...]
    criteria_from: FrozenCriteria | None

    @property
    def answered(self) -> str:
        """Yes or no, where the rule asks for one of them; else the label, if there is one."""
        if self.rule in {"yes", "no"} and self.score is not None:
            return "yes" if self.score else "no"
        return self.label or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenOrigin:
    """The version of a prompt that the test's text was taken from when the run began, and the values put in."""

    prompt_id: UUID
    name: str
    prompt_version_id: UUID
    version: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOfTest:
    """A trial of the same test in the same run, with its effective outcome."""

    trial: int
    result_id: UUID
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """A result: what was asked, sent and answered. `context` is what the app retrieved, `reference_context` the test's.

    `answer_of` is the number of the run that got this answer, where this one only scored it, `replayed_from` that of the run
    whose recording has it, where it was replayed.
    `trials` are all of the test's with a result, this one among them; none where each test was asked once.
    `cost` (US dollars) is null where it is not known, and where another run paid for the answer; `prompt_source` says which version of a prompt
    the text came from. `replaced` is the error that stood here before a retry; `stands_in` says where a retry's answer counts,
    and there alone it is reviewed.
    """

    id: UUID
    run_id: UUID
    run_number: int
    answer_of: int | None
    replayed_from: int | None
    project_id: UUID
    test_set: str
    test_id: UUID
    position: int
    trial: int
    trials: tuple[TrialOfTest, ...]
    requirement_id: UUID | None
    requirement: str | None
    outcome: str
    automated_outcome: str
    is_reviewed: bool
    error_code: str | None
    error_detail: str | None
    attempts: int
    prompt: str
    expected: str | None
    messages: tuple[dict[str, Any], ...]
    reference_context: tuple[str, ...]
    metadata: dict[str, Any]
    request: Any
    response: Any
    output: str | None
    context: tuple[str, ...]
    tool_calls: tuple[dict[str, Any], ...]
    latency_ms: float | None
    tokens_in: int | None
    tokens_out: int | None
    cost: str | None
    prompt_source: FrozenOrigin | None
    replaced: ReplacedError | None
    stands_in: StandsIn | None
    created_at: datetime
    evaluations: tuple[EvaluationView, ...]
    reviews: tuple[ReviewView, ...]
    can_review: bool

    @property
    def reviewable(self) -> tuple[tuple[str, str], ...]:
        """What a review may be about besides the whole: evaluations that apply, as (id, metric)."""
        return tuple((str(one.id), one.metric) for one in self.evaluations if one.applicable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The results before and after one within a filter; None at the ends."""

    previous: UUID | None = None
    following: UUID | None = None


def view_result(scope: Scope, registry: Registry, result_id: UUID) -> ResultView:
    """One result with everything kept of it; NotFound for strangers. The registry says how rules read and scores draw."""
    row = scope.session.execute(scope.narrow(_whole(), TestRun).where(EffectiveResult.id == result_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such result here.")
    scope.require(Permission.RUN_READ, project=row.project_id)
    found: dict[str, Any] = row._asdict()
    found |= {name: tuple(found[name]) for name in ("messages", "reference_context", "context", "tool_calls")}
    stands = stands_in_view(found.pop("stands_in"))
    may_review = row.outcome != "error" and stands is None
    return ResultView(
        evaluations=tuple(_evaluation(registry, one) for one in found.pop("evaluations")),
        reviews=tuple(review_view(one) for one in found.pop("reviews")),
        trials=tuple(_trial(one) for one in found.pop("trials")),
        cost=money(found.pop("cost")),
        prompt_source=_origin(found),
        replaced=replaced_view(found.pop("replaced")),
        stands_in=stands,
        can_review=may_review and scope.may(Permission.REVIEW_WRITE, project=row.project_id),
        **found,
    )


@cache
def _whole() -> Select[Any]:
    """Everything of results; the caller narrows it to one."""
    version = TestVersion
    return (
        select(
            *(TestRun.project_id, TestRun.id.label("run_id"), TestRun.number.label("run_number")),
            *(TestRun.config["answers_of"].as_integer().label("answer_of"), _replayed_from().label("replayed_from")),
            *(TestSet.name.label("test_set"), Requirement.name.label("requirement")),
            *(version.prompt, version.expected, version.messages, version.context.label("reference_context")),
            *(version.facts.label("metadata"), version.prompt_version_id, version.prompt_values),
            *(Prompt.id.label("prompt_id"), Prompt.name.label("prompt_name")),
            PromptVersion.number.label("prompt_number"),
            *(getattr(EffectiveResult, name) for name in _KEPT),
            evaluations_of_result(SHOWN).label("evaluations"),
            reviews_of_result().label("reviews"),
            *(_trials_of_test().label("trials"), replaced_error().label("replaced"), stands_in().label("stands_in")),
        )
        .join(
            EffectiveResult,
            and_(EffectiveResult.organization_id == TestRun.organization_id, EffectiveResult.run_id == TestRun.id),
        )
        .join(
            version,
            and_(
                version.organization_id == EffectiveResult.organization_id,
                version.id == EffectiveResult.test_version_id,
            ),
        )
        .join(TestSet, and_(TestSet.organization_id == TestRun.organization_id, TestSet.id == TestRun.test_set_id))
        .outerjoin(
            Requirement,
            and_(
                Requirement.organization_id == EffectiveResult.organization_id,
                Requirement.id == EffectiveResult.requirement_id,
            ),
        )
        .outerjoin(
            PromptVersion,
            and_(
                PromptVersion.organization_id == version.organization_id, PromptVersion.id == version.prompt_version_id
            ),
        )
        .outerjoin(
            Prompt, and_(Prompt.organization_id == PromptVersion.organization_id, Prompt.id == PromptVersion.prompt_id)
        )
        .execution_options(keep_ready=True)
    )


def _trials_of_test() -> Any:
    """All trials of a result's test as a JSON array; correlated to TestRun and EffectiveResult, and empty for one trial."""
    other = aliased(EffectiveResult, name="other")
    columns = {"trial": other.trial, "result_id": other.id, "outcome": other.outcome}
    listed = func.json_agg(aggregate_order_by(json_object(columns), other.trial))
    return (
        select(func.coalesce(listed, func.json_build_array()))
        .where(
            TestRun.test_count.is_not(None),
            other.organization_id == EffectiveResult.organization_id,
            other.run_id == EffectiveResult.run_id,
            other.test_version_id == EffectiveResult.test_version_id,
        )
        .correlate(TestRun, EffectiveResult)
        .scalar_subquery()
    )


def _replayed_from() -> Any:
    recording = aliased(TestRun, name="recording")
    return (
        select(recording.number)
        .where(recording.organization_id == TestRun.organization_id, recording.id == TestRun.recording_run_id)
        .where(EffectiveResult.attempts == 0, EffectiveResult.response.is_not(None))
        .correlate(TestRun, EffectiveResult)
        .scalar_subquery()
    )


def _trial(found: dict[str, Any]) -> TrialOfTest:
    return TrialOfTest(**{**found, "result_id": UUID(found["result_id"])})


def _origin(found: dict[str, Any]) -> FrozenOrigin | None:
    names = ("prompt_version_id", "prompt_values", "prompt_id", "prompt_name", "prompt_number")
    version_id, values, prompt_id, name, number = (found.pop(one) for one in names)
    if version_id is None:
        return None
    return FrozenOrigin(prompt_id=prompt_id, name=name, prompt_version_id=version_id, version=number, values=values)


_KEPT = (
    *("id", "test_id", "position", "trial", "requirement_id", "outcome", "error_code", "error_detail", "attempts"),
    *("automated_outcome", "is_reviewed"),
    *(
        "request",
        "response",
        "output",
        "context",
        "tool_calls",
        "latency_ms",
        "tokens_in",
        "tokens_out",
        "cost",
        "created_at",
    ),
)


def neighbours(scope: Scope, result: ResultView, chosen: ResultFilter) -> Neighbours:
    """The results before and after this one in the order of the list, in one statement once the matches are known."""
    matches = matches_of(scope, result.run_id, chosen)
    sides = []
    for side, backward in (("previous", True), ("following", False)):
        request = PageRequest(limit=0, after=key_of(result, chosen), backward=backward)
        keys = page_keys(scope, result.run_id, chosen, request, matches).subquery(side)
        sides.append(select(literal(side).label("side"), keys.c.result_id))
    found = {row.side: row.result_id for row in scope.session.execute(union_all(*sides))}
    return Neighbours(previous=found.get("previous"), following=found.get("following"))


def _criteria(found: dict[str, Any] | None) -> FrozenCriteria | None:
    if found is None:
        return None
    ids = {name: UUID(found[name]) for name in ("prompt_id", "prompt_version_id")}
    return FrozenCriteria(**{**found, **ids})


def _evaluation(registry: Registry, found: dict[str, Any]) -> EvaluationView:
    rule, params, spec = found.pop("rule"), found.pop("params"), registry.evaluators.get(found["evaluator"])
    return EvaluationView(
        criteria_from=_criteria(found.pop("criteria_from")),
        raw=tuple(found.pop("raw")),
        rule=words_of(rule, spec, params),
        scale=scale_of(rule, spec, params),
        **{**found, "id": UUID(found["id"]), "metric_id": UUID(found["metric_id"])},
    )
