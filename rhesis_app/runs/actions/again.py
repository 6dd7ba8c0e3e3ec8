"""Runs that come of an ended run: its tests asked once more, or the answers it got scored by other metrics."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import CursorResult, Interval, func, literal, text

from rhesis_app.authoring.actions.metrics import freeze_metrics
from rhesis_app.authoring.models import MetricVersion, TestSet, TestSetVersion
from rhesis_app.endpoints.actions.exchange import snapshot_of
from rhesis_app.endpoints.actions.judging import judge_facts
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.kernel.errors import Conflict, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.start import (
    PLAN,
    ChosenMetric,
    accept_once,
    given_metrics,
    next_number,
    ring,
    write_metrics,
)
from rhesis_app.runs.models import RunMetric, TestRun
from rhesis_app.runs.rules import DEADLINE, MAX_ATTEMPTS, SCORING_AT_ONCE, SCORING_S, RunKind
from rhesis_app.scoring.outcome import Outcome

FLAKY: Final = "flaky"
ONLY: Final = ("failed", "error", FLAKY)
"""What `Rerun.only` may be."""
_EVERY: Final = tuple(str(outcome) for outcome in Outcome)
_ANSWERED: Final = (*_EVERY, "pending")
"""Of tests with at least one result: some may lack others."""
_OF_RESULTS = text(
    "INSERT INTO work_item (organization_id, run_id, test_version_id, trial, position, endpoint_id, max_attempts)"
    " SELECT r.organization_id, :run, r.test_version_id, r.trial, r.position, :endpoint, :attempts"
    " FROM effective_result r WHERE r.organization_id = :organization AND r.run_id = :parent AND r.outcome = ANY (:outcomes)"
)
# all trials of a test, also those that came out well: the test is asked again, not its bad luck
_OF_TESTS = text(
    "INSERT INTO work_item (organization_id, run_id, test_version_id, trial, position, endpoint_id, max_attempts)"
    " SELECT e.organization_id, :run, e.test_version_id, t.trial, e.position, :endpoint, :attempts"
    " FROM effective_test e CROSS JOIN LATERAL generate_series(1, e.trials) AS t (trial)"
    " WHERE e.organization_id = :organization AND e.run_id = :parent"
    " AND (e.outcome = ANY (:outcomes) OR e.is_flaky AND 'flaky' = ANY (:outcomes))"
)
_COUNT_TESTS = text(
    "SELECT count(*) AS tests, COALESCE(sum(e.trials), 0) AS planned FROM effective_test e"
    " WHERE e.organization_id = :organization AND e.run_id = :parent"
    " AND (e.outcome = ANY (:outcomes) OR e.is_flaky AND 'flaky' = ANY (:outcomes))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """Ask an ended run's tests again: all of them, or only those that `failed`, gave an `error` or were `flaky` there."""

    run_id: UUID
    only: str | None = None
    idempotency_key: str | None = None

    @property
    def body(self) -> str:
        """A digest of what is asked for."""
        return _digest("rerun", str(self.run_id), self.only or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescore:
    """Score an ended run's answers again; without `metric_ids` by its own metrics as they are now.

    `started_by` is who asked, where a job does it for them.
    """

    run_id: UUID
    metric_ids: tuple[UUID, ...] = ()
    idempotency_key: str | None = None
    started_by: UUID | None = None

    @property
    def body(self) -> str:
        """A digest of what is asked for."""
        return _digest("rescore", str(self.run_id), *sorted(map(str, self.metric_ids)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Child:
    """What a child run is made of; without `outcomes` it has all tests of the test set's version.

    `test_count` is there where tests have several trials; with `by_test` the outcomes are those of whole tests.
    """

    kind: RunKind
    planned: int
    test_count: int | None
    by_test: bool = False
    snapshot: dict[str, Any]
    chosen: Sequence[ChosenMetric]
    config: dict[str, Any]
    chosen_by: str | None
    outcomes: Sequence[str] = ()
    endpoint_id: UUID | None = None
    started_by: UUID | None = None


def rerun_tests(scope: Scope, registry: Registry, new: Rerun) -> UUID:
    """Accept a run of the same frozen tests, by the same metrics as they are now, against the endpoint as it is now.

    Raises Invalid at `only` or `metric_ids`, NotFound, Conflict while the run goes on or for a key used otherwise.
    """
    if new.only is not None and new.only not in ONLY:
        raise Invalid.field("only", "Choose failed, error or flaky, or leave it out for every test.")
    _may_execute(scope, new.run_id)
    return accept_once(scope, new.idempotency_key, new.body, lambda: _rerun(scope, registry, new))


def rescore_answers(scope: Scope, registry: Registry, new: Rescore) -> UUID:
    """Accept a run that scores the answers of an ended one: no endpoint is called, errors stay errors.

    Raises Invalid at `metric_ids`, NotFound, Conflict while the run goes on, where it has no answers, or for a key used
    otherwise.
    """
    _may_execute(scope, new.run_id)
    return accept_once(scope, new.idempotency_key, new.body, lambda: _rescore(scope, registry, new))


def _rerun(scope: Scope, registry: Registry, new: Rerun) -> UUID:
    with scope.atomic():
        parent = _ended(scope, new.run_id)
        endpoint = _live(scope, parent)
        child = _Child(
            kind=RunKind.RERUN,
            **_tests_of(scope, parent, new.only),
            snapshot=snapshot_of(endpoint).to_json(),
            endpoint_id=endpoint.id,
            chosen=_own_metrics(scope, parent),
            chosen_by=new.only or parent.chosen_by,
            config={
                "metrics_from": parent.config.get("metrics_from"),
                "chosen_from": parent.number if new.only else parent.config.get("chosen_from"),
                "reducer": parent.config.get("reducer"),
            },
        )
        run_id = _add(scope, registry, parent, child, _Key(new.idempotency_key, new.body))
        ring(scope, run_id, endpoint.max_concurrency, endpoint.timeout_s)
    return run_id


def _rescore(scope: Scope, registry: Registry, new: Rescore) -> UUID:
    with scope.atomic():
        parent = _ended(scope, new.run_id)
        counts = _counts(parent)
        if not sum(counts.values()) - counts.get(Outcome.ERROR, 0):
            raise Conflict(f"#{parent.number} has no answers to score. Run its tests again instead.")
        given = given_metrics(scope, new.metric_ids, parent.project_id)
        child = _Child(
            kind=RunKind.RESCORE,
            planned=sum(counts.values()),
            test_count=_count_tests(scope, parent, _ANSWERED).tests if parent.test_count else None,
            snapshot=parent.endpoint_snapshot,
            chosen=[ChosenMetric(metric_id=one) for one in given] or _own_metrics(scope, parent),
            chosen_by=parent.chosen_by,
            config={
                "metrics_from": "given" if given else parent.config.get("metrics_from"),
                "chosen_from": parent.config.get("chosen_from"),
                "reducer": parent.config.get("reducer"),
                "answers_of": parent.config.get("answers_of") or parent.number,
            },
            outcomes=_EVERY,
            started_by=new.started_by,
        )
        run_id = _add(scope, registry, parent, child, _Key(new.idempotency_key, new.body))
        ring(scope, run_id, SCORING_AT_ONCE, SCORING_S)
    return run_id


@dataclass(frozen=True, slots=True)
class _Key:
    key: str | None
    body: str


def _may_execute(scope: Scope, run_id: UUID) -> None:
    project_id = scope.get(TestRun, run_id).project_id
    scope.require(Permission.RUN_READ, project=project_id)
    scope.require(Permission.RUN_EXECUTE, project=project_id)


def _ended(scope: Scope, run_id: UUID) -> TestRun:
    """The run, held: reviews of its results wait until its tests are chosen."""
    parent = scope.get(TestRun, run_id, lock=True)
    if parent.finished_at is None:
        raise Conflict(f"#{parent.number} is still going on. Wait for its end, or cancel it first.")
    return parent


def _live(scope: Scope, parent: TestRun) -> Endpoint:
    endpoint = scope.get(Endpoint, parent.endpoint_id)
    if endpoint.archived_at is not None:
        raise Conflict(f"The endpoint “{endpoint.name}” is archived. Restore it, or start a new run against another.")
    if scope.get(TestSet, parent.test_set_id).archived_at is not None:
        raise Conflict("The test set is archived. Restore it first.")
    return endpoint


def _tests_of(scope: Scope, parent: TestRun, only: str | None) -> dict[str, Any]:
    """Which of the parent's outcomes choose the tests (none: the whole version), and how many tests and calls these are."""
    is_repeated = parent.test_count is not None
    if only is None:
        whole = scope.session.scalars(
            scope.select(TestSetVersion.test_count).where(TestSetVersion.id == parent.test_set_version_id)
        ).one()
        if (parent.test_count or parent.planned) == whole:
            return {"outcomes": (), "planned": parent.planned, "test_count": parent.test_count}
    outcomes = (only,) if only else _ANSWERED
    if is_repeated:
        found = _count_tests(scope, parent, outcomes)
        planned, test_count = int(found.planned), found.tests
    else:
        counts = _counts(parent)
        planned, test_count = sum(counts.get(outcome, 0) for outcome in outcomes), None
    if not planned:
        said = _NOTHING.get(only or "", "No test ran in")
        raise Invalid.field("only", f"{said} #{parent.number}, so there is nothing to run again.")
    return {"outcomes": outcomes, "planned": planned, "test_count": test_count, "by_test": is_repeated}


_NOTHING: Final = {
    "failed": "No test failed in",
    "error": "No test ended in an error in",
    FLAKY: "No test had trials that disagreed in",
}


def _count_tests(scope: Scope, parent: TestRun, outcomes: Sequence[str]) -> Any:
    """`tests` of the parent with one of these outcomes, and the calls `planned` for all of their trials."""
    values = {"organization": scope.organization_id, "parent": parent.id, "outcomes": list(outcomes)}
    return scope.session.execute(_COUNT_TESTS, values).one()


def _counts(parent: TestRun) -> dict[str, int]:
    """The parent's results by effective outcome; while it is held no review changes them."""
    return {outcome: int(parent.totals[outcome]) for outcome in _EVERY}


def _own_metrics(scope: Scope, parent: TestRun) -> list[ChosenMetric]:
    query = (
        scope.select(RunMetric.requirement_id)
        .add_columns(MetricVersion.metric_id)
        .join(
            MetricVersion,
            (MetricVersion.organization_id == RunMetric.organization_id)
            & (MetricVersion.id == RunMetric.metric_version_id),
        )
        .where(RunMetric.run_id == parent.id)
        .order_by(RunMetric.position)
    )
    rows = scope.session.execute(query)
    return [ChosenMetric(metric_id=row.metric_id, requirement_id=row.requirement_id) for row in rows]


def _add(scope: Scope, registry: Registry, parent: TestRun, child: _Child, key: _Key) -> UUID:
    versions = freeze_metrics(scope, registry, list(dict.fromkeys(one.metric_id for one in child.chosen)))
    run_id = new_id()
    row = TestRun(
        id=run_id,
        project_id=parent.project_id,
        number=next_number(scope, parent.project_id),
        kind=str(child.kind),
        parent_run_id=parent.id,
        chosen_by=child.chosen_by,
        test_set_id=parent.test_set_id,
        test_set_version_id=parent.test_set_version_id,
        endpoint_id=parent.endpoint_id,
        endpoint_snapshot=child.snapshot,
        trials=parent.trials,
        config={"max_attempts": MAX_ATTEMPTS, "judges": judge_facts(scope, versions.values())}
        | {name: value for name, value in child.config.items() if value},
        planned=child.planned,
        test_count=child.test_count,
        idempotency_key=key.key,
        idempotency_body=key.body if key.key else None,
        started_by=child.started_by or scope.actor.user_id,
        deadline_at=func.now() + literal(DEADLINE, Interval),
    )
    scope.session.add(row)
    scope.session.flush()
    write_metrics(scope, run_id, child.chosen, versions)
    _plan(scope, row, child)
    scope.record(f"run.{child.kind}", "test_run", run_id, number=row.number, of=parent.number, planned=row.planned)
    return run_id


def _plan(scope: Scope, row: TestRun, child: _Child) -> None:
    values = {
        "organization": scope.organization_id,
        "run": row.id,
        "endpoint": child.endpoint_id,
        "attempts": MAX_ATTEMPTS,
    }
    if child.outcomes:
        chosen = {"parent": row.parent_run_id, "outcomes": list(child.outcomes)}
        written = scope.session.execute(_OF_TESTS if child.by_test else _OF_RESULTS, values | chosen)
    else:
        whole = {"version": row.test_set_version_id, "trials": row.trials, "most": child.planned + 1}
        written = scope.session.execute(PLAN, values | whole)
    if cast(CursorResult[Any], written).rowcount != child.planned:
        raise Conflict("The run's results changed meanwhile. Try again.")


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
