"""A project at a glance: what it has, and how its runs go."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, literal, select, true

from rhesis_app.authoring.models import (
    Requirement,
    RequirementMetric,
    Test,
    TestSet,
    TestSetMetric,
    TestSetVersionItem,
    TestVersion,
)
from rhesis_app.authoring.queries.narrowing import COUNTED_TO
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

    Tests are counted to one more than `COUNTED_TO`, and `never_run` among the newest of so many. `judged` counts the
    requirements and test sets that have metrics.
    """

    endpoints: int
    tests: int
    never_run: int
    test_sets: int
    judged: int
    runs: int
    set_runs: int

    @property
    def looked_at(self) -> int:
        """How many tests `never_run` was counted among."""
        return min(self.tests, COUNTED_TO)

    @property
    def has_more_tests(self) -> bool:
        """Whether there are more tests than were looked at."""
        return self.tests > COUNTED_TO


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
    tests = select(func.count()).select_from(_newest(scope, project_id, COUNTED_TO + 1))
    row = scope.session.execute(
        scope.select(Project.id)
        .where(Project.id == project_id)
        .add_columns(
            _count(Endpoint).where(_live(Endpoint)).scalar_subquery().label("endpoints"),
            tests.scalar_subquery().label("tests"),
            _never_run(scope, project_id).label("never_run"),
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


def _newest(scope: Scope, project_id: UUID, most: int) -> Any:
    """So many of the project's tests."""
    query = scope.select(Test.organization_id, Test.id).where(Test.project_id == project_id, _live(Test))
    return query.order_by(Test.id.desc()).limit(most).subquery()


def _never_run(scope: Scope, project_id: UUID) -> Any:
    """How many of the newest tests have no version in a test set's version that was run: far fewer rows than results are.

    Each test is looked up by itself. Left to choose, the planner reads all tests of the organization for those of one project.
    """
    newest = _newest(scope, project_id, COUNTED_TO)
    ran = scope.select(TestRun.test_set_version_id).where(TestRun.project_id == project_id).distinct()
    was_run = (
        select(literal(1).label("it"))
        .select_from(TestVersion)
        .join(
            TestSetVersionItem,
            and_(
                TestSetVersionItem.organization_id == TestVersion.organization_id,
                TestSetVersionItem.test_version_id == TestVersion.id,
            ),
        )
        .where(
            TestVersion.organization_id == newest.c.organization_id,
            TestVersion.test_id == newest.c.id,
            TestSetVersionItem.test_set_version_id.in_(ran),
        )
        .correlate(newest)
        .limit(1)
        .lateral()
    )
    rows = newest.outerjoin(was_run, true())
    return select(func.count()).select_from(rows).where(was_run.c.it.is_(None)).scalar_subquery()
