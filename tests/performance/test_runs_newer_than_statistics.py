"""A run that the planner knows nothing of yet, in an organization that it has never seen: each result is read a few times."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from rhesis_app.insights.queries.comparison import compare_runs, runs_to_compare
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.actions.review import NewReview, review_result
from rhesis_app.runs.queries.result_keys import ResultFilter
from rhesis_app.runs.queries.results import list_results
from rhesis_app.runs.queries.run_tests import RunTestFilter, list_run_tests
from tests.factories import MadeRun, RunPlan, make_run
from tests.people import Person
from tests.performance.test_growth import METRICS, many, rows_read

TESTS, TRIALS = 80, 3
MOST = 3 * (TESTS * TRIALS) * (TESTS * TRIALS * len(METRICS))
"""Rows that a question may read. Knowing nothing the planner may set each result beside each evaluation, but not read all again for each pair."""
FLIPPED = {"passed": "failed", "failed": "passed", "error": "passed"}


@pytest.fixture
def made(alice: Person, charlie: Person, project: ProjectView, superuser: Engine) -> tuple[MadeRun, MadeRun]:
    """Two runs with several trials, made after the tables were measured with somebody else's."""
    with charlie.scope() as scope:
        theirs = create_project(scope, "Measured")
        old = make_run(scope, RunPlan(project_id=theirs.id, metrics=METRICS), many(600))
        for place in (0, 100):
            review_result(scope, old.result_ids[place], NewReview(verdict="failed", comment="No."))
    with superuser.connect() as connection:
        connection.execute(text("ANALYZE"))
    results = [replace(one, more=(FLIPPED[one.outcome], one.outcome)) for one in many(TESTS)]
    with alice.scope() as scope:
        first, second = (make_run(scope, RunPlan(project_id=project.id, metrics=METRICS), results) for _ in range(2))
    return first, second


def questions(made: tuple[MadeRun, MadeRun]) -> dict[str, Callable[[Scope], object]]:
    run, page = made[0], PageRequest(limit=10, count=True)
    filters = {
        "all": RunTestFilter(),
        "failed": RunTestFilter(outcome="failed"),
        "flaky": RunTestFilter(is_flaky=True),
        "text": RunTestFilter(q="p1"),
        "metric": RunTestFilter(metric_id=run.metric_ids["a"]),
    }
    asked: dict[str, Callable[[Scope], object]] = {
        f"tests: {name}": lambda scope, chosen=chosen: list_run_tests(scope, run.id, page, chosen)
        for name, chosen in filters.items()
    }
    flaky = ResultFilter(is_flaky=True)
    asked["results: flaky"] = lambda scope: list_results(scope, run.id, page, flaky)
    asked["comparison"] = lambda scope: compare_runs(scope, *runs_to_compare(scope, made[0].id, made[1].id))
    return asked


def test_what_is_asked_of_it_reads_each_result_some_times(alice: Person, made: tuple[MadeRun, MadeRun]) -> None:
    read = {}
    for name, ask in questions(made).items():
        with alice.scope() as scope:
            read[name] = rows_read(scope, lambda ask=ask, scope=scope: ask(scope))
    assert {name: rows for name, rows in read.items() if rows > MOST} == {}
