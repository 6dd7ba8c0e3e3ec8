"""What is read of runs: totals, rates, order, filters, neighbours."""

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.queries.breakdown import by_metric, by_requirement
from rhesis_app.runs.queries.result import neighbours, view_result
from rhesis_app.runs.queries.results import ResultFilter, list_results
from rhesis_app.runs.queries.run_page import open_run_page
from rhesis_app.runs.queries.runs import RunFilter, list_runs, view_run
from tests.factories import Given, RunPlan, make_run
from tests.people import Person

MIXED = [
    Given(prompt="one", requirement="Tone"),
    Given(prompt="two", outcome="failed", requirement="Tone"),
    Given(prompt="three", outcome="error", requirement="Facts"),
    Given(prompt="four", outcome="unscored", verdicts={"Contains the answer": "unscored"}),
    Given(prompt="five", outcome="failed", requirement="Facts"),
]


def test_everything_reads(alice: Person, host: Runtime, project: ProjectView) -> None:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id), MIXED)
        run = view_run(scope, made.id)
        print(run)
        print(list_runs(scope, PageRequest(count=True), RunFilter(project_id=project.id)))
        page = list_results(scope, made.id, PageRequest(limit=2, count=True), ResultFilter())
        print(page)
        print(by_requirement(scope, made.id), by_metric(scope, made.id))
        print(open_run_page(scope, project.id, made.number))
        result = view_result(scope, host.registry, made.result_ids[0])
        print(result, neighbours(scope, result, ResultFilter()))
    assert 0
