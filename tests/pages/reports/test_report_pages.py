"""Pages of reports: the form of a run, the list that watches itself, download, deletion."""

import re

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.reports.models import Report
from tests.background import do_jobs
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

PATH = "/p/support-copilot/reports"


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), [Given(prompt="one"), Given(outcome="failed")])


def ask(person: Person, exporter: str = "html.run", status: int = 303, **more: str) -> str:
    answer = person.web.post("/p/support-copilot/runs/1/reports", {"exporter": exporter, **more})
    assert answer.status_code == status, answer.text[:2000]
    return str(answer.headers.get("Location", answer.text))


def test_a_report_is_asked_for_watched_and_downloaded(alice: Person, made: MadeRun) -> None:
    assert 'href="/p/support-copilot/reports?run=1"' in alice.web.get("/p/support-copilot/runs/1").text
    form = alice.web.get(f"{PATH}?run=1").text
    for key in ("csv.results", "html.run", "json.run", "junit.xml", "markdown.run", "xlsx.results"):
        assert f'<option value="{key}"' in form
    assert ask(alice) == f"{PATH}?run=1"
    page = alice.web.get(f"{PATH}?run=1").text
    assert "Queued" in page
    watching = re.findall(r'hx-get="([^"]+)"', page)[0].replace("&amp;", "&")
    assert alice.web.get(watching).status_code == 204
    do_jobs(alice)
    fragment = alice.web.get(watching).text
    assert fragment.lstrip().startswith('<section id="reports"')
    assert "Ready" in fragment
    assert "hx-get" not in fragment
    address = re.findall(r'href="([^"]+/file)"', fragment)[0]
    file = alice.web.get(address)
    assert file.mimetype == "text/html"
    assert file.headers["Content-Disposition"] == "attachment; filename=support-copilot-run-1.html"
    assert "default-src 'none'" in file.headers["Content-Security-Policy"]
    assert "1 / 2 passed" in file.text


def test_a_format_that_is_none_comes_back_with_its_error(alice: Person, made: MadeRun) -> None:
    page = ask(alice, "pdf.pretty", status=422)
    assert "There is no format “pdf.pretty” here." in page
    assert alice.count(Report) == 0


def test_a_run_that_is_none_is_not_found(alice: Person, made: MadeRun) -> None:
    assert alice.web.post("/p/support-copilot/runs/9/reports", {"exporter": "html.run"}).status_code == 404
    assert alice.web.get(f"{PATH}?run=9").status_code == 404
    assert alice.web.get(f"{PATH}?run=odd").status_code == 200


def test_the_comparison_leads_to_a_report_of_both(alice: Person, project: ProjectView) -> None:
    plan = RunPlan(project_id=project.id, same_tests=True)
    with alice.scope() as scope:
        make_run(scope, plan, [Given(prompt="a", outcome="failed")])
        make_run(scope, plan, [Given(prompt="a")])
    link = f"{PATH}?run=2&amp;against=1"
    assert link in alice.web.get("/p/support-copilot/compare?baseline=1&candidate=2").text
    form = alice.web.get(f"{PATH}?run=2&against=1").text
    assert '<input type="hidden" name="against" value="1">' in form
    answer = alice.web.post("/p/support-copilot/runs/2/reports", {"exporter": "html.run", "against": "1"})
    assert answer.headers["Location"] == f"{PATH}?run=2&against=1"
    do_jobs(alice)
    page = alice.web.get(PATH).text
    assert "against #1" in page
    file = alice.web.get(re.findall(r'href="([^"]+/file)"', page)[0]).text
    assert "Against #1" in file


def test_why_a_report_failed_stands_in_the_list(alice: Person, made: MadeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(alice)
    monkeypatch.setattr("plugins.html.exporter._document", lambda report: 1 / 0)
    do_jobs(alice)
    page = alice.web.get(PATH).text
    assert "Failed" in page
    assert "The exporter “html.run” failed." in page
    assert "/file" not in page


def test_a_viewer_sees_and_downloads_and_makes_nothing(alice: Person, bob: Person, made: MadeRun) -> None:
    ask(alice)
    do_jobs(alice)
    page = bob.web.get(f"{PATH}?run=1").text
    assert "Download" in page
    assert "Make report" not in page
    assert "Delete" not in page
    ask(bob, status=403)
    assert bob.web.get(re.findall(r'href="([^"]+/file)"', page)[0]).status_code == 200


def test_deleting_asks_first_and_takes_the_file_along(alice: Person, made: MadeRun) -> None:
    ask(alice)
    do_jobs(alice)
    page = alice.web.get(f"{PATH}?run=1").text
    address = re.findall(r'action="([^"]+/delete)"', page)[0]
    assert "Delete support-copilot-run-1.html?" in page
    assert alice.web.post(address, {"run": "1"}).headers["Location"] == f"{PATH}?run=1"
    assert "No reports of this run yet" in alice.web.get(f"{PATH}?run=1").text


def test_a_report_of_another_project_is_not_found(alice: Person, made: MadeRun) -> None:
    alice.api.post("/projects", {"name": "Other"})
    ask(alice)
    do_jobs(alice)
    address = re.findall(r'href="([^"]+/file)"', alice.web.get(PATH).text)[0]
    assert alice.web.get(address.replace("support-copilot", "other")).status_code == 404


def test_empty_lists_lead_on(alice: Person, project: ProjectView) -> None:
    assert "No reports yet" in alice.web.get(PATH).text
    with alice.scope() as scope:
        make_run(scope, RunPlan(project_id=project.id, is_finished=False), [Given(), Given(outcome="pending")])
    assert "The run is still going on" in alice.web.get(f"{PATH}?run=1").text
