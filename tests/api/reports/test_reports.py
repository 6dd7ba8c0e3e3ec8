"""/reports: asked for, written in the background, waited for, downloaded, deleted, expired."""

import hashlib
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.ids import new_id
from rhesis_app.notifications.actions.background import sweep_jobs
from rhesis_app.notifications.models import Job
from rhesis_app.projects.queries import ProjectView
from rhesis_app.reports import rules
from rhesis_app.reports.actions import make as actions
from rhesis_app.reports.models import Report, ReportChunk
from rhesis_app.sdk import ExporterSpec
from rhesis_app.tenancy.models import AuditEntry
from tests.background import do_jobs
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

MIXED = (
    Given(prompt="one", requirement="Tone"),
    Given(prompt="two", outcome="failed", requirement="Tone", reason="not in the answer"),
    Given(prompt="three", outcome="error", requirement="Facts"),
)


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id), MIXED)


def ask(person: Person, run_id: UUID, exporter: str = "json.run", status: int = 202) -> dict[str, Any]:
    answer = person.api.post("/reports", {"run_id": str(run_id), "exporter": exporter})
    assert answer.status_code == status, answer.text
    return dict(answer.json)


def test_a_report_is_written_in_the_background_and_downloaded(alice: Person, made: MadeRun) -> None:
    answer = alice.api.post("/reports", {"run_id": str(made.id), "exporter": "json.run"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/reports/{answer.json['id']}"
    assert (answer.json["status"], answer.json["bytes"]) == ("queued", None)
    path = f"/reports/{answer.json['id']}"
    assert alice.api.get(f"{path}/file").status_code == 409
    assert do_jobs(alice) == 1
    view = alice.api.get(path).json
    assert (view["status"], view["progress"], view["run_number"]) == ("done", 100, 1)
    file = alice.api.get(f"{path}/file")
    assert file.mimetype == "application/json"
    assert file.headers["Content-Disposition"] == "attachment; filename=support-copilot-run-1.json"
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert (len(file.data), hashlib.sha256(file.data).hexdigest()) == (view["bytes"], view["sha256"])
    document = json.loads(file.data)
    assert document["run"]["finding"].startswith("1 of 2 tests with a verdict failed.")
    assert document["run"]["url"].endswith("/p/support-copilot/runs/1")
    assert [row["prompt"] for row in document["results"]] == ["one", "two", "three"]


def test_a_comparison_is_a_report_of_the_candidate(alice: Person, project: ProjectView) -> None:
    plan = RunPlan(project_id=project.id, same_tests=True)
    with alice.scope() as scope:
        first = make_run(scope, plan, [Given(prompt="a"), Given(prompt="b")])
        second = make_run(scope, plan, [Given(prompt="a"), Given(prompt="b", outcome="failed")])
    body = {"comparison": {"baseline": str(first.id), "candidate": str(second.id)}, "exporter": "json.run"}
    made = alice.api.post("/reports", body)
    assert made.status_code == 202, made.text
    assert (made.json["run_number"], made.json["baseline_number"]) == (2, 1)
    assert made.json["file_name"] == "support-copilot-run-2-against-1.json"
    do_jobs(alice)
    document = alice.api.get(f"/reports/{made.json['id']}/file").get_json(force=True)
    compared = alice.api.get(f"/comparisons?baseline={first.id}&candidate={second.id}").json
    assert document["comparison"] == compared
    assert document["comparison"]["broken"] == 1


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"exporter": "pdf.pretty"}, "exporter"),
        ({"exporter": None}, "exporter"),
        ({"run_id": None}, "run_id"),
        ({"comparison": {"baseline": "{run}", "candidate": "{run}"}}, "run_id"),
        ({"run_id": None, "comparison": {"baseline": "{run}", "candidate": "{run}"}}, "candidate"),
        ({"run_id": None, "comparison": {"baseline": "{run}"}}, "comparison.candidate"),
        ({"more": 1}, "more"),
    ],
)
def test_what_cannot_be_taken_is_named(alice: Person, made: MadeRun, changed: dict[str, Any], field: str) -> None:
    body = {"run_id": str(made.id), "exporter": "json.run", **changed}
    body = json.loads(json.dumps({k: v for k, v in body.items() if v is not None}).replace("{run}", str(made.id)))
    answer = alice.api.post("/reports", body)
    assert answer.status_code == 422
    assert field in answer.json["errors"]
    assert alice.count(Report) == alice.count(Job) == 0


def test_a_run_that_goes_on_has_no_report_yet(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id, is_finished=False), [Given(), Given(outcome="pending")])
    assert "has ended" in ask(alice, run.id, status=409)["detail"]


def test_a_viewer_reads_reports_and_makes_and_deletes_none(alice: Person, bob: Person, made: MadeRun) -> None:
    view = ask(alice, made.id)
    do_jobs(alice)
    ask(bob, made.id, status=403)
    assert bob.api.delete(f"/reports/{view['id']}").status_code == 403
    assert bob.api.get(f"/reports/{view['id']}/file").status_code == 200
    assert bob.api.get(f"/reports/{view['id']}").json["can_delete"] is False


def test_strangers_learn_nothing(alice: Person, charlie: Person, made: MadeRun) -> None:
    view = ask(alice, made.id)
    do_jobs(alice)
    ask(charlie, made.id, status=404)
    for path in (f"/reports/{view['id']}", f"/reports/{view['id']}/file", f"/jobs/{view['job_id']}"):
        assert charlie.api.get(path).status_code == 404
    assert charlie.api.delete(f"/reports/{view['id']}").status_code == 404
    assert charlie.api.get("/reports").json == charlie.api.get("/jobs").json == []


def test_reports_are_listed_by_project_and_by_run(alice: Person, project: ProjectView, made: MadeRun) -> None:
    first, second = ask(alice, made.id), ask(alice, made.id, "junit.xml")
    assert [one["id"] for one in alice.api.get("/reports").json] == [second["id"], first["id"]]
    listed = alice.api.get(f"/reports?run_id={made.id}&project_id={project.id}&limit=1&count=true")
    assert [one["exporter"] for one in listed.json] == ["junit.xml"]
    assert listed.headers["X-Total-Count"] == "2"
    assert alice.api.get(f"/reports?run_id={new_id()}").json == []


def test_waiting_answers_as_soon_as_the_file_is_there(alice: Person, made: MadeRun) -> None:
    view = ask(alice, made.id)
    do_jobs(alice)
    assert alice.api.get(f"/reports/{view['id']}?wait=30").json["status"] == "done"
    assert alice.api.get(f"/jobs/{view['job_id']}?wait=30").json["status"] == "done"
    assert alice.api.get(f"/reports/{view['id']}?wait=61").status_code == 422


def test_deleting_takes_the_file_along_and_is_recorded(alice: Person, made: MadeRun) -> None:
    view = ask(alice, made.id)
    do_jobs(alice)
    assert alice.api.delete(f"/reports/{view['id']}").status_code == 204
    assert alice.api.get(f"/reports/{view['id']}").status_code == 404
    assert alice.count(ReportChunk) == 0
    assert alice.count(AuditEntry, action="report.create") == alice.count(AuditEntry, action="report.delete") == 1


def test_deleting_before_it_is_written_gives_the_work_up(alice: Person, made: MadeRun) -> None:
    view = ask(alice, made.id)
    assert alice.api.delete(f"/reports/{view['id']}").status_code == 204
    assert alice.api.get(f"/jobs/{view['job_id']}").json["status"] == "cancelled"
    assert do_jobs(alice) == 0


def test_a_job_is_cancelled_over_the_api(alice: Person, bob: Person, made: MadeRun) -> None:
    view = ask(alice, made.id)
    path = f"/jobs/{view['job_id']}"
    assert bob.api.get(path).json["can_cancel"] is False
    assert bob.api.post(f"{path}/cancel").status_code == 403
    job = alice.api.post(f"{path}/cancel").json
    assert (job["status"], job["title"], job["can_cancel"]) == ("cancelled", "Report", False)
    assert alice.api.get(f"/reports/{view['id']}").json["status"] == "cancelled"
    assert "Make it again" in alice.api.get(f"/reports/{view['id']}/file").json["detail"]
    assert [one["id"] for one in alice.api.get("/jobs?status=cancelled&kind=reports.render").json] == [job["id"]]
    assert alice.api.get("/jobs?status=odd").status_code == 422


def test_expired_reports_are_gone_with_their_files(alice: Person, made: MadeRun, superuser: Engine) -> None:
    view = ask(alice, made.id)
    do_jobs(alice)
    with superuser.connect() as connection:
        connection.execute(text("UPDATE report SET expires_at = now() - interval '1 second'"))
    assert alice.api.get(f"/reports/{view['id']}").status_code == 404
    assert alice.api.get("/reports").json == []
    sweep_jobs(alice.host)
    assert alice.count(Report) == alice.count(ReportChunk) == 0


def with_exporter(host: Runtime, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third party's exporter among those that are installed."""
    own = ExporterSpec(key="own.text", title="A text", media_type="text/plain", extension="txt", write=write)
    monkeypatch.setattr(host, "registry", replace(host.registry, exporters={**host.registry.exporters, own.key: own}))


def test_another_plugins_exporter_writes_reports(
    alice: Person, host: Runtime, made: MadeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(report: Any, file: Any) -> None:
        file.write(" ".join(row.prompt for row in report.rows).encode())

    with_exporter(host, write, monkeypatch)
    view = ask(alice, made.id, "own.text")
    do_jobs(alice)
    assert alice.api.get(f"/reports/{view['id']}/file").data == b"one two three"


def test_a_broken_exporter_ends_the_report_with_a_sentence(
    alice: Person, host: Runtime, made: MadeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(report: Any, file: Any) -> None:
        file.write(b"half")
        raise RuntimeError("a secret")

    with_exporter(host, write, monkeypatch)
    view = ask(alice, made.id, "own.text")
    do_jobs(alice)
    found = alice.api.get(f"/reports/{view['id']}").json
    assert (found["status"], found["bytes"]) == ("errored", None)
    assert "own.text" in found["error_detail"]
    assert "secret" not in found["error_detail"]
    assert alice.count(ReportChunk) == 0


def test_an_exporter_that_swallows_everything_is_stopped_all_the_same(
    alice: Person, host: Runtime, made: MadeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(report: Any, file: Any) -> None:
        alice.api.post(f"/jobs/{view['job_id']}/cancel")
        try:
            list(report.rows)
        except Exception:  # noqa: BLE001 that is what it does
            file.write(b"whatever")

    with_exporter(host, write, monkeypatch)
    view = ask(alice, made.id, "own.text")
    do_jobs(alice)
    assert alice.api.get(f"/reports/{view['id']}").json["status"] == "cancelled"


def test_a_file_that_grows_too_large_ends_with_a_sentence(
    alice: Person, made: MadeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = type("Small", (rules.Bounded,), {"__init__": lambda self, file: rules.Bounded.__init__(self, file, 100)})
    monkeypatch.setattr(actions, "Bounded", small)
    view = ask(alice, made.id)
    do_jobs(alice)
    assert "more compact format" in alice.api.get(f"/reports/{view['id']}").json["error_detail"]


def test_a_file_of_many_pieces_comes_back_whole(alice: Person, made: MadeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "pieces", lambda file: rules.pieces(file, 100))
    view = ask(alice, made.id)
    do_jobs(alice)
    assert alice.count(ReportChunk) > 10
    file = alice.api.get(f"/reports/{view['id']}/file").data
    assert hashlib.sha256(file).hexdigest() == alice.api.get(f"/reports/{view['id']}").json["sha256"]


def test_too_many_at_once_are_refused(alice: Person, made: MadeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_OPEN", 2)
    ask(alice, made.id)
    ask(alice, made.id)
    ask(alice, made.id, status=429)
    do_jobs(alice)
    ask(alice, made.id)
