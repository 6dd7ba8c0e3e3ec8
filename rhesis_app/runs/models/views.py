"""Views: results and evaluations with what people and retries made of them, tests with their trials, models of runs."""

from uuid import UUID

from sqlalchemy import Integer
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import (
    Identified,
    View,
)
from rhesis_app.runs.models.results import EvaluationColumns, ResultColumns


class EffectiveResult(ResultColumns, View):
    """A result with its effective outcome: the latest review of it, else what follows from reviews of its
    evaluations, else what the metrics found (`automated_outcome`). What every page, rate and export reads.

    Where a retry's answer replaced an error, `retry_run_id` is the retry, and all that was kept is the answer's.
    """

    __tablename__ = "effective_result"
    organization_id: Mapped[UUID]
    automated_outcome: Mapped[str]
    is_reviewed: Mapped[bool]
    retry_run_id: Mapped[UUID | None]


class EffectiveEvaluation(EvaluationColumns, Identified, View):
    """An evaluation with the latest review's verdict, else its own (`automated_verdict`)."""

    __tablename__ = "effective_evaluation"
    organization_id: Mapped[UUID]
    automated_verdict: Mapped[str]
    is_reviewed: Mapped[bool]


class RunModel(View):
    """A model that a run calls, as its judge or as its endpoint, by the key of its throttle."""

    __tablename__ = "run_model"
    organization_id: Mapped[UUID]
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    model_key: Mapped[str] = mapped_column(primary_key=True)


class EffectiveTest(View):
    """A test in a run with the one outcome that its trials come to, by the run's reducer; `pending` while trials that
    could decide it have no answer. Only tests with at least one result are there.

    `answered`, `outcomes` and `result_ids` are of the trials with a result, in their order; `result_id` and `trial` are
    of the first that came out as the test did.
    """

    __tablename__ = "effective_test"
    organization_id: Mapped[UUID]
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    test_version_id: Mapped[UUID] = mapped_column(primary_key=True)
    test_id: Mapped[UUID]
    requirement_id: Mapped[UUID | None]
    position: Mapped[int]
    trials: Mapped[int]
    passed: Mapped[int]
    failed: Mapped[int]
    error: Mapped[int]
    unscored: Mapped[int]
    outcome: Mapped[str]
    is_flaky: Mapped[bool]
    answered: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    outcomes: Mapped[list[str]]
    result_ids: Mapped[list[UUID]]
    result_id: Mapped[UUID]
    trial: Mapped[int]
