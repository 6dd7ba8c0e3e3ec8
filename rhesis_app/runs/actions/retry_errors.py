"""Retrying a run's errors: they are asked again as the run asked them, and an answer takes the place of its error."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import CursorResult, Interval, func, literal, text

from rhesis_app.endpoints.models import Endpoint
from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.actions.start import accept_once, next_number, ring
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.rules import DEADLINE, MAX_ATTEMPTS, RunKind
from rhesis_app.runs.rules.recordings import Source
from rhesis_app.scoring.outcome import Outcome

_METRICS: Final = text(
    "INSERT INTO run_metric (organization_id, run_id, position, metric_version_id, requirement_id)"
    " SELECT m.organization_id, :run, m.position, m.metric_version_id, m.requirement_id"
    " FROM run_metric m WHERE m.organization_id = :organization AND m.run_id = :parent"
)
_ERRORS: Final = text(
    "INSERT INTO work_item (organization_id, run_id, test_version_id, trial, position, endpoint_id, max_attempts)"
    " SELECT r.organization_id, :run, r.test_version_id, r.trial, r.position, :endpoint, :attempts"
    " FROM effective_result r WHERE r.organization_id = :organization AND r.run_id = :parent AND r.outcome = 'error'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryErrors:
    """Ask again what ended in an error in an ended run. Of a retry, its run's errors that are still there are meant."""

    run_id: UUID
    idempotency_key: str | None = None

    @property
    def body(self) -> str:
        """A digest of what is asked for."""
        return hashlib.sha256(f"retry-errors|{self.run_id}".encode()).hexdigest()


def retry_errors(scope: Scope, new: RetryErrors) -> UUID:
    """Accept a run of kind `retry`: the endpoint as the run froze it with its secret as it is now, the run's own metric versions.

    Raises NotFound, Conflict where the run goes on, has no error, only scored answers, is being retried already, or its
    endpoint is archived; and for a key used otherwise.
    """
    asked = scope.get(TestRun, new.run_id)
    scope.require(Permission.RUN_READ, project=asked.project_id)
    scope.require(Permission.RUN_EXECUTE, project=asked.project_id)
    first = asked.parent_run_id if asked.kind == RunKind.RETRY else None
    return accept_once(scope, new.idempotency_key, new.body, lambda: _accept(scope, new, first or asked.id))


def _accept(scope: Scope, new: RetryErrors, parent_id: UUID) -> UUID:
    with scope.atomic():
        parent = scope.get(TestRun, parent_id, lock=True)
        _refuse(scope, parent)
        row = _row(scope, new, parent)
        scope.session.add(row)
        scope.session.flush()
        _plan(scope, row, parent)
        scope.record("run.retry", "test_run", row.id, number=row.number, of=parent.number, planned=row.planned)
        snapshot = parent.endpoint_snapshot
        ring(scope, row.id, int(snapshot["max_concurrency"]), int(snapshot["timeout_s"]))
    return row.id


def _refuse(scope: Scope, parent: TestRun) -> None:
    number = f"#{parent.number}"
    if parent.finished_at is None:
        raise Conflict(f"{number} is still going on. Wait for its end, or cancel it first.")
    if parent.kind == RunKind.RESCORE:
        answers_of = parent.config.get("answers_of")
        raise Conflict(
            f"{number} asked nobody: it scored the answers of #{answers_of}. Retry the errors there, then score again."
        )
    if parent.source == Source.REPLAY_OR_FAIL:
        raise Conflict(
            f"{number} never asks its endpoint: it only replays. Start a run with the source “replay”, or record anew."
        )
    open_retry = scope.select(TestRun.number).where(
        TestRun.parent_run_id == parent.id, TestRun.kind == RunKind.RETRY, TestRun.finished_at.is_(None)
    )
    going_on = scope.session.scalar(open_retry)
    if going_on is not None:
        raise Conflict(f"#{going_on} is retrying the errors of {number} already. Wait for its end, or cancel it.")
    if not parent.totals[Outcome.ERROR]:
        raise Conflict(f"No test ended in an error in {number}, so there is nothing to retry.")
    endpoint = scope.get(Endpoint, parent.endpoint_id)
    if endpoint.archived_at is not None:
        raise Conflict(f"The endpoint “{endpoint.name}” is archived. Restore it, then retry.")


def _row(scope: Scope, new: RetryErrors, parent: TestRun) -> TestRun:
    """What the parent froze, frozen again: what is answered now must stand beside what was answered then."""
    return TestRun(
        id=new_id(),
        project_id=parent.project_id,
        number=next_number(scope, parent.project_id),
        kind=str(RunKind.RETRY),
        parent_run_id=parent.id,
        chosen_by="error",
        test_set_id=parent.test_set_id,
        test_set_version_id=parent.test_set_version_id,
        endpoint_id=parent.endpoint_id,
        endpoint_snapshot=parent.endpoint_snapshot,
        # some of a test's trials are not the test: a retry counts answers, its parent reduces them
        config={name: value for name, value in parent.config.items() if name != "reducer"}
        | {"chosen_from": parent.number},
        planned=int(parent.totals[Outcome.ERROR]),
        idempotency_key=new.idempotency_key,
        idempotency_body=new.body if new.idempotency_key else None,
        started_by=scope.actor.user_id,
        deadline_at=func.now() + literal(DEADLINE, Interval),
    )


def _plan(scope: Scope, row: TestRun, parent: TestRun) -> None:
    where = {"organization": scope.organization_id, "run": row.id, "parent": parent.id}
    scope.session.execute(_METRICS, where)
    attempts = int(parent.config.get("max_attempts", MAX_ATTEMPTS))
    written = scope.session.execute(_ERRORS, where | {"endpoint": parent.endpoint_id, "attempts": attempts})
    if cast(CursorResult[Any], written).rowcount != row.planned:
        raise Conflict("The run's results changed meanwhile. Try again.")
