"""A project at a glance: what it has, and how its runs go."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, select

from rhesis_app.authoring.models import (
    Requirement,
    RequirementMetric,
    Test,
    TestSet,
    TestSetMetric,
    TestSetVersionItem,
    TestVersion,
)
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.runs import RunFilter, list_runs
from rhesis_app.runs.queries.views import RunView
from rhesis_app.runs.rules import FINAL

QUICK_CHECK = r"^Quick check \d+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectState:
    """How many live things a project has. `test_sets` and `set_runs` are without quick checks; `never_run` counts tests.

    `judged` counts the requirements and test sets that have metrics.
    """

    endpoints: int
    tests: int
    never_run: int
    test_sets: int
    judged: int
    runs: int
    set_runs: int


def project_state(scope: Scope, project_id: UUID) -> ProjectState:
    """The counts, in one statement."""
    scope.require(Permission.RUN_READ, project=project_id)
    own_set = and_(_live(TestSet), ~TestSet.name.regexp_match(QUICK_CHECK))
    run_of_set = and_(TestSet.organization_id == TestRun.organization_id, TestSet.id == TestRun.test_set_id)
    set_has_metric = exists().where(
        TestSetMetric.organization_id == TestSet.organization_id, TestSetMetric.test_set_id == TestSet.id
    )
    requirement_has_metric = exists().where(
        RequirementMetric.organization_id == Requirement.organization_id,
        RequirementMetric.requirement_id == Requirement.id,
    )
    judged = (
        _count(TestSet).where(own_set, set_has_metric).scalar_subquery()
        + _count(Requirement).where(_live(Requirement), requirement_has_metric).scalar_subquery()
    )
    row = scope.session.execute(
        scope.select(Project.id)
        .where(Project.id == project_id)
        .add_columns(
            _count(Endpoint).where(_live(Endpoint)).scalar_subquery().label("endpoints"),
            _count(Test).where(_live(Test)).scalar_subquery().label("tests"),
            _count(Test).where(_live(Test), ~_was_run()).scalar_subquery().label("never_run"),
            _count(TestSet).where(own_set).scalar_subquery().label("test_sets"),
            judged.label("judged"),
            _count(TestRun).scalar_subquery().label("runs"),
            _count(TestRun)
            .join(TestSet, run_of_set)
            .where(~TestSet.name.regexp_match(QUICK_CHECK))
            .scalar_subquery()
            .label("set_runs"),
        )
    ).one()
    return ProjectState(**{name: value for name, value in row._asdict().items() if name != "id"})


def trend_of(scope: Scope, latest: Sequence[RunView], limit: int = 12) -> tuple[RunView, ...]:
    """The finished runs, oldest first, of the test set that runs most among `latest`; rates of other sets do not compare."""
    counted = Counter(run.test_set.id for run in latest if run.is_finished and run.pass_rate.n)
    if not counted:
        return ()
    ((test_set_id, _),) = counted.most_common(1)
    chosen = RunFilter(
        project_id=latest[0].project_id, test_set_id=test_set_id, statuses=tuple(str(status) for status in FINAL)
    )
    return tuple(reversed(list_runs(scope, PageRequest(limit=limit), chosen).items))


def _count(rows: Any) -> Select[Any]:
    """How many rows of the project at hand; correlated to Project."""
    return (
        select(func.count())
        .select_from(rows)
        .where(rows.organization_id == Project.organization_id, rows.project_id == Project.id)
        .correlate(Project)
    )


def _live(rows: Any) -> Any:
    return rows.archived_at.is_(None)


def _was_run() -> Any:
    """Whether any version of the test is part of a test set's version that was run: far fewer rows than results are."""
    return exists().where(
        TestVersion.organization_id == Test.organization_id,
        TestVersion.test_id == Test.id,
        TestSetVersionItem.organization_id == TestVersion.organization_id,
        TestSetVersionItem.test_version_id == TestVersion.id,
        TestRun.organization_id == TestSetVersionItem.organization_id,
        TestRun.test_set_version_id == TestSetVersionItem.test_set_version_id,
    )
