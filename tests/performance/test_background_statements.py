"""How many statements reports and jobs take: the same for a few rows and for many."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from rhesis_app.projects.queries import ProjectView
from tests.background import do_jobs
from tests.factories import Given, RunPlan, make_run
from tests.people import Person
from tests.performance.test_run_statements import taken

Watch = Callable[[], AbstractContextManager[list[str]]]


def test_reports_and_jobs_keep_their_budgets(alice: Person, project: ProjectView, statements: Watch) -> None:
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id), [Given()])

    def ask() -> dict[str, str]:
        return dict(alice.api.post("/reports", {"run_id": str(run.id), "exporter": "json.run"}).json)

    def counts() -> dict[str, int]:
        addresses = {
            "lists": ("/reports?count=true", f"/reports?run_id={run.id}", "/jobs?count=true"),
            "items": (f"/reports/{view['id']}", f"/jobs/{view['job_id']}"),
        }
        pages = ("/p/support-copilot/reports", "/p/support-copilot/reports?run=1", "/settings/jobs")
        found = {a: taken(statements, lambda a=a: alice.api.get(a)) for group in addresses.values() for a in group}
        return found | {a: taken(statements, lambda a=a: alice.web.get(a)) for a in pages}

    view = ask()
    do_jobs(alice)
    few = counts()
    for _ in range(30):
        ask()
    assert counts() == few
    assert max(found for address, found in few.items() if address.startswith(("/p/", "/settings"))) <= 8, few
    assert max(found for address, found in few.items() if address.count("/") == 1) <= 6, few
    assert max(found for address, found in few.items() if address.startswith(("/reports/", "/jobs/"))) <= 4, few
    with statements() as seen:
        ask()
    assert len(seen) <= 10, "\n\n".join(seen)
