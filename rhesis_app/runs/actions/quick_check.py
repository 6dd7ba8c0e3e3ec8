"""One prompt, one expectation, one verdict: the shortest way from a connected endpoint to a judged answer."""

import re
from dataclasses import dataclass
from uuid import UUID

from rhesis_app.authoring.actions.metrics import NewMetric, create_metric
from rhesis_app.authoring.actions.sets import NewTestSet, create_test_set
from rhesis_app.authoring.models import Metric, TestSet
from rhesis_app.authoring.rules.tests import TestContent, check_content
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.runs.actions.start import NewRun, start_run
from rhesis_app.runs.models import TestRun

METRIC = "Contains the expected answer"
EVALUATOR = "text.contains"
_SET = "Quick check"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickCheck:
    """What to ask and what the answer should contain; the same key gives the same run."""

    project_id: UUID
    endpoint_id: UUID
    prompt: str
    expected: str
    idempotency_key: str | None = None


def start_quick_check(scope: Scope, registry: Registry, check: QuickCheck) -> UUID:
    """Make a test set of this one test, with a metric that looks for the expected text, and start its run.

    Raises Invalid at `prompt`, `expected` or `endpoint_id`, NotFound.
    """
    scope.require(Permission.RUN_EXECUTE, project=check.project_id)
    content = _content(check)
    with scope.atomic():
        # one at a time in a project: the names are numbered, and a second click waits for the first one's run
        scope.get(Project, check.project_id, lock=True)
        if (earlier := _earlier(scope, check)) is not None:
            return earlier
        test_set = create_test_set(
            scope,
            NewTestSet(
                project_id=check.project_id,
                name=_next_name(scope, check.project_id),
                tests=(content,),
                metric_ids=(_metric(scope, registry, check.project_id),),
            ),
        )
        new = NewRun(test_set_id=test_set.id, endpoint_id=check.endpoint_id, idempotency_key=check.idempotency_key)
        return start_run(scope, registry, new)


def _content(check: QuickCheck) -> TestContent:
    if not check.prompt.strip():
        raise Invalid.field("prompt", "Write what to ask.")
    if not check.expected.strip():
        raise Invalid.field("expected", "Write a word or a few that a right answer contains.")
    return check_content(TestContent(prompt=check.prompt.strip(), expected=check.expected.strip()))


def _earlier(scope: Scope, check: QuickCheck) -> UUID | None:
    if check.idempotency_key is None:
        return None
    query = scope.select(TestRun.id).where(TestRun.idempotency_key == check.idempotency_key)
    found: UUID | None = scope.session.scalar(query)
    return found


def _metric(scope: Scope, registry: Registry, project_id: UUID) -> UUID:
    """The project's metric that looks for a test's expected answer, made when there is none."""
    query = scope.select(Metric.name, Metric.id, Metric.evaluator_key, Metric.params).where(
        Metric.project_id == project_id, Metric.archived_at.is_(None), Metric.name.startswith(METRIC, autoescape=True)
    )
    rows = scope.session.execute(query).all()
    for row in rows:
        if row.evaluator_key == EVALUATOR and not row.params.get("text"):
            return UUID(str(row.id))
    taken = {row.name for row in rows}
    new = NewMetric(
        project_id=project_id,
        name=next(name for name in _numbered(METRIC) if name not in taken),
        evaluator=EVALUATOR,
        description="Looks for a test's expected answer in what came back.",
    )
    return create_metric(scope, registry, new).id


def _next_name(scope: Scope, project_id: UUID) -> str:
    query = scope.select(TestSet.name).where(
        TestSet.project_id == project_id, TestSet.name.startswith(f"{_SET} ", autoescape=True)
    )
    found = (re.fullmatch(rf"{_SET} (\d{{1,9}})", name) for name in scope.session.scalars(query))
    return f"{_SET} {max((int(match[1]) for match in found if match), default=0) + 1}"


def _numbered(name: str) -> tuple[str, ...]:
    return (name, *(f"{name} {number}" for number in range(2, 1000)))
