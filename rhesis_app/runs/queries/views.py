"""What a run looks like to pages and to the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.queries.costs import run_cost
from rhesis_app.runs.rules import COUNTED, rate_of, totals_of
from rhesis_app.runs.rules.recordings import REPLAYS, Source
from rhesis_app.runs.rules.reduced import AlikeTests, Consistency, Reduced, reduced_of, results_in
from rhesis_app.scoring.reducers import Reducer, ReducerName
from rhesis_app.scoring.stats import pass_rate
from rhesis_app.sdk import Rate, RunCost, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRate:
    """passed / n as shares of 1 with a 95 % interval; nulls while nothing is decided. Not `final` while the run goes on."""

    value: float | None
    low: float | None
    high: float | None
    passed: int
    n: int
    excluded: int
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSet:
    """The test set of a run, in the version that was run."""

    id: UUID
    name: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedEndpoint:
    """The endpoint of a run, under the name it had then."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenModel:
    """The model that judges, as the run froze it; without an id the instance's own, whose prices nobody has said."""

    id: UUID | None
    name: str
    wire: str
    base_url: str
    model_name: str
    params: dict[str, Any]
    prices: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenMetric:
    """A metric as the run froze it; `id` is the metric, `version_id` its frozen state. `model` judges, where one does."""

    id: UUID
    version_id: UUID
    name: str
    evaluator: str
    revision: int
    params: dict[str, Any]
    rule: dict[str, Any]
    model: FrozenModel | None
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentRun:
    """The run that another one came of."""

    id: UUID
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenReducer:
    """What makes one outcome of a test's trials: majority, all, any, or at_least with its `k`."""

    name: str
    k: int | None

    @property
    def label(self) -> str:
        """When a test passes, such as `all of its trials pass`."""
        return Reducer(name=ReducerName(self.name), k=self.k).label


@dataclass(frozen=True, slots=True)
class Counts:
    """What has come in of a run that goes on: results by outcome, and where tests have several trials the tests."""

    results: Mapping[str, int] = field(default_factory=dict)
    tests: Sequence[AlikeTests] = ()

    @classmethod
    def of_tests(cls, tests: Sequence[AlikeTests]) -> "Counts":
        """Both, from the tests with their trials."""
        return cls(results_in(tests), tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCounts:
    """How many answers of a run were replayed from a recording, and how many tests the endpoint was asked."""

    replayed: int
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run. `outcome` is none until something is decided; `duration_ms` runs until now while the run does.

    `kind` says how it came to be: `run`, `rerun` (its `parent`'s tests, asked again) or `rescore` (its parent's answers,
    judged again without a call) or `retry` (its parent's errors, asked again: an answer takes the place of its error there).
    `chosen_by` is set where an outcome in run number `chosen_from` chose its tests. `paused_by` is a person's name.
    `cost` is null in lists while the run goes on.
    `source` says where its answers come from: `live` and `record` ask the endpoint, `replay` and `replay-or-fail` take those
    that the run number `recording_number` recorded; `answers` counts these and what was asked, null for other sources.
    `started_by` is a person's name or, where nobody did, “schedule” and the name of the one that did.

    `trials` is how often each test is asked, unless the test says otherwise. `totals` count results; `test_totals`, the
    pass rate and the outcome count tests, each with the one outcome that `reducer` makes of its trials. Without a reducer
    every test is asked once and both are the same; `consistency` is there with one.
    """

    id: UUID
    project_id: UUID
    number: int
    kind: str
    parent: ParentRun | None
    chosen_by: str | None
    chosen_from: int | None
    status: str
    outcome: str
    trials: int
    reducer: ChosenReducer | None
    totals: Totals
    test_totals: Totals
    pass_rate: PassRate
    consistency: Consistency | None
    test_set: FrozenSet
    endpoint: AskedEndpoint
    metrics: tuple[FrozenMetric, ...]
    started_by: str | None
    schedule_id: UUID | None
    source: str
    recording_run_id: UUID | None
    recording_number: int | None
    answers: AnswerCounts | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: float | None
    cancel_requested_at: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    can_cancel: bool
    can_pause: bool
    can_resume: bool
    can_execute: bool
    cost: RunCost | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing about it changes any more."""
        return self.finished_at is not None

    @property
    def is_repeated(self) -> bool:
        """Whether tests have several trials, so that numbers count tests and not results."""
        return self.reducer is not None

    @property
    def shown_status(self) -> str:
        """The status in a word of its own while it is paused."""
        return self.status if self.paused_at is None else "paused"

    @property
    def is_counted(self) -> bool:
        """Whether it asked a whole test set, so that its rate stands in a row with those of other runs."""
        return self.kind in COUNTED and self.chosen_by is None and self.source not in REPLAYS

    @property
    def answers_from(self) -> str:
        """Where its answers come from, in a few words; empty for a run that just asked."""
        if self.recording_number is not None:
            return f"replay of #{self.recording_number}"
        return "recorded" if self.source == Source.RECORD else ""

    @property
    def origin(self) -> str:
        """Where it comes from, to be read before its parent's number; empty for a run that was started by itself."""
        if self.parent is None:
            return ""
        return {"rescore": "Re-score of", "retry": "Retry of"}.get(self.kind, "Re-run of")


def shown_rate(rate: Rate, *, is_final: bool) -> PassRate:
    """A rate as it travels."""
    return PassRate(
        value=rate.value,
        low=rate.low,
        high=rate.high,
        passed=rate.passed,
        n=rate.n,
        excluded=rate.excluded,
        final=is_final,
    )


def rate_from(counts: Mapping[str, int], *, is_final: bool) -> PassRate:
    """The rate of a part of a run from its results by outcome."""
    excluded = counts.get("error", 0) + counts.get("unscored", 0)
    rate = pass_rate(passed=counts.get("passed", 0), failed=counts.get("failed", 0), excluded=excluded)
    return shown_rate(rate, is_final=is_final)


def run_view(scope: Scope, row: Any, counts: Counts) -> RunView:
    """A row of `select_runs` as it is shown; `counts` are asked only while it runs."""
    is_final = row.finished_at is not None
    totals = Totals(**row.totals) if row.totals else totals_of(row.planned, counts.results, ended=is_final)
    reduced = _reduced(row, counts)
    by_test = reduced.tests if reduced else totals
    may_cancel = scope.may(Permission.RUN_CANCEL, project=row.project_id)
    may_stop = may_cancel and not is_final and row.cancel_requested_at is None
    return RunView(
        id=row.id,
        project_id=row.project_id,
        number=row.number,
        kind=row.kind,
        parent=ParentRun(id=row.parent_run_id, number=row.parent_number) if row.parent_run_id else None,
        chosen_by=row.chosen_by,
        chosen_from=row.chosen_from,
        status=row.status,
        outcome=row.outcome,
        trials=row.trials,
        reducer=_reducer(row.reducer) if reduced else None,
        totals=totals,
        test_totals=by_test,
        pass_rate=shown_rate(rate_of(by_test), is_final=is_final),
        consistency=reduced.consistency if reduced else None,
        test_set=FrozenSet(id=row.test_set_id, name=row.test_set_name, version=row.test_set_version),
        endpoint=AskedEndpoint(id=row.endpoint_id, name=row.endpoint_name),
        metrics=tuple(_metric(found, row.judges or {}) for found in row.metrics),
        started_by=row.started_by_name or (f"schedule {row.schedule_name}" if row.schedule_id else None),
        schedule_id=row.schedule_id,
        source=row.source,
        recording_run_id=row.recording_run_id,
        recording_number=row.recording_number,
        answers=AnswerCounts(**row.answers) if row.answers else None,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        duration_ms=row.duration_ms,
        cancel_requested_at=row.cancel_requested_at,
        paused_at=row.paused_at,
        paused_by=row.paused_by_name,
        can_cancel=may_stop,
        can_pause=may_stop and row.paused_at is None,
        can_resume=may_stop and row.paused_at is not None,
        can_execute=scope.may(Permission.RUN_EXECUTE, project=row.project_id),
        cost=run_cost(row, totals),
    )


def _reduced(row: Any, counts: Counts) -> Reduced | None:
    """The run by test; None where each test is asked once."""
    if row.test_count is None:
        return None
    if row.reduced:
        return Reduced.from_json(row.reduced)
    ended = row.finished_at is not None
    return reduced_of(counts.tests, test_count=row.test_count, trials=row.trials, ended=ended)


def _reducer(kept: Mapping[str, Any] | None) -> ChosenReducer:
    reducer = Reducer.from_json(kept)
    return ChosenReducer(name=str(reducer.name), k=reducer.k)


def _metric(found: Mapping[str, Any], judges: Mapping[str, Any]) -> FrozenMetric:
    return FrozenMetric(
        id=UUID(found["id"]),
        version_id=UUID(found["version_id"]),
        name=found["name"],
        evaluator=found["evaluator"],
        revision=found["revision"],
        params=found["params"],
        rule=found["rule"],
        model=_model(found["model"], judges) if found["model"] else None,
        required=found["required"],
    )


def _model(found: Mapping[str, Any], judges: Mapping[str, Any]) -> FrozenModel:
    facts = judges.get(found["id"], {"name": found["model_name"], "prices": None})
    return FrozenModel(**{**found, **facts, "id": UUID(found["id"]) if found["id"] else None})
