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
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.breakdown import BreakdownView, RequirementRate
from rhesis_app.runs.queries.views import RunView

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


def trend_of(latest: Sequence[RunView], limit: int = 12) -> tuple[RunView, ...]:
    """The ended runs, oldest first, of the test set that runs most among `latest`; rates of other sets do not compare.

    Nor do those of re-scores and of runs of chosen tests: these are left out.
    """
    ended = [run for run in latest if run.is_finished and run.is_counted and run.pass_rate.n]
    if not ended:
        return ()
    ((test_set_id, _),) = Counter(run.test_set.id for run in ended).most_common(1)
    return tuple(reversed([run for run in ended if run.test_set.id == test_set_id][:limit]))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatRow:
    """A requirement over several runs: its rate in each, None where a run has no test of it."""

    requirement_id: UUID | None
    name: str | None
    cells: tuple[RequirementRate | None, ...]


def heat_rows(breakdowns: Sequence[BreakdownView]) -> tuple[HeatRow, ...]:
    """A row for each requirement of these runs, oldest first, under the newest name; the worst of the last run comes first."""
    by_run = [{one.requirement_id: one for one in parts.requirements} for parts in breakdowns]
    order = dict.fromkeys(key for found in reversed(by_run) for key in found)
    rows = []
    for key in order:
        cells = tuple(found.get(key) for found in by_run)
        name = next(cell.name for cell in reversed(cells) if cell is not None)
        rows.append(HeatRow(requirement_id=key, name=name, cells=cells))
    return tuple(rows)


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
    """Whether any version of the test is part of a test set's version that was run: far fewer rows than results are.

    Each version of a set counts once, however often it was run: joined to its runs, every test would stand there for every run.
    """
    ran = (
        select(TestRun.test_set_version_id)
        .where(TestRun.organization_id == Project.organization_id, TestRun.project_id == Project.id)
        .correlate(Project)
        .distinct()
    )
    return exists().where(
        TestVersion.organization_id == Test.organization_id,
        TestVersion.test_id == Test.id,
        TestSetVersionItem.organization_id == TestVersion.organization_id,
        TestSetVersionItem.test_version_id == TestVersion.id,
        TestSetVersionItem.test_set_version_id.in_(ran),
    )
