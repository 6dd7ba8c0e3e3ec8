"""Results that are older than an organization keeps them go for good, and nothing that somebody still needs."""

import re
import threading
from datetime import timedelta
from html import unescape
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, literal, text, update

from rhesis_app.infra.orm import Base
from rhesis_app.infra.runtime import Runtime
from rhesis_app.projects.queries import ProjectView
from rhesis_app.retention.actions.keep import erase_what_is_old
from rhesis_app.runs.models import Evaluation, TestResult, TestRun
from rhesis_app.tenancy.models import AuditEntry
from rhesis_app.worker import sweep_for_ever
from tests.background import do_jobs
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person, add_member

DEPENDS_ON_RUNS = {"test_run", "test_result", "evaluation"}


@pytest.fixture
def runs(alice: Person, project: ProjectView) -> list[MadeRun]:
    """Five ended runs of one test set on one endpoint: the last of today, the others from 100 days ago."""
    plan = RunPlan(project_id=project.id, same_tests=True)
    with alice.scope() as scope:
        made = [make_run(scope, plan, [Given(verdicts={"Contains the answer": "passed"})]) for _ in range(5)]
    for run in made[:-1]:
        aged(alice, run.id)
    with alice.scope() as scope, scope.atomic() as session:
        one_set = {"test_set_id": made[0].test_set_id, "endpoint_id": made[0].endpoint_id}
        session.execute(update(TestRun).where(TestRun.organization_id == scope.organization_id).values(**one_set))
    return made


def aged(person: Person, run_id: UUID, days: int = 100) -> None:
    with person.scope() as scope, scope.atomic() as session:
        mine = (TestRun.organization_id == scope.organization_id, TestRun.id == run_id)
        session.execute(update(TestRun).where(*mine).values(finished_at=func.now() - literal(timedelta(days=days))))


def changed(person: Person, run_id: UUID, **values: object) -> None:
    with person.scope() as scope, scope.atomic() as session:
        mine = (TestRun.organization_id == scope.organization_id, TestRun.id == run_id)
        session.execute(update(TestRun).where(*mine).values(**values))


def retention(person: Person) -> str:
    return f"/organizations/{person.actor.organization_id}/retention"


def kept_for(person: Person, days: int | None) -> None:
    answer = person.api.patch(retention(person), {"result_days": days})
    assert answer.status_code == 200, answer.text


def left(person: Person) -> set[UUID]:
    with person.scope() as scope:
        return set(scope.session.scalars(scope.select(TestRun.id)))


def test_nothing_goes_unless_somebody_has_said_so(host: Runtime, alice: Person, runs: list[MadeRun]) -> None:
    assert alice.api.get(retention(alice)).json == {"result_days": None, "audit_days": None, "old_runs": 0}
    assert alice.api.get(f"{retention(alice)}?result_days=90").json["old_runs"] == 4
    assert erase_what_is_old(host).runs == 0
    kept_for(alice, 101)
    assert erase_what_is_old(host).runs == 0
    assert left(alice) == {run.id for run in runs}


def test_old_runs_go_with_all_that_came_of_them(host: Runtime, alice: Person, runs: list[MadeRun]) -> None:
    kept_for(alice, 90)
    assert erase_what_is_old(host).runs == 4
    assert left(alice) == {runs[-1].id}
    assert alice.count(TestResult) == 1
    assert alice.count(Evaluation) == 1
    with alice.scope() as scope:
        entry = scope.session.scalars(scope.select(AuditEntry).where(AuditEntry.action == "run.expire")).one()
    assert (entry.actor_kind, entry.facts) == ("system", {"runs": 4, "days": 90})
    assert erase_what_is_old(host).runs == 0


def test_settings_that_are_no_days_keep_everything_and_stop_nobody(
    host: Runtime, alice: Person, charlie: Person, runs: list[MadeRun]
) -> None:
    with charlie.scope() as scope, scope.atomic() as session:
        session.execute(text("""UPDATE organization SET settings = '{"result_days": 0, "audit_days": [1e99]}'"""))
    assert charlie.api.get(retention(charlie)).json["audit_days"] is None
    kept_for(alice, 90)
    assert erase_what_is_old(host).runs == 4


def test_other_organizations_keep_theirs(host: Runtime, alice: Person, charlie: Person, runs: list[MadeRun]) -> None:
    kept_for(charlie, 7)
    assert erase_what_is_old(host).runs == 0
    assert len(left(alice)) == 5


def test_a_reviewed_run_stays(host: Runtime, alice: Person, runs: list[MadeRun]) -> None:
    (result,) = runs[1].result_ids
    assert alice.api.post(f"/test-results/{result}/reviews", {"verdict": "failed"}).status_code == 201
    kept_for(alice, 90)
    erase_what_is_old(host)
    assert left(alice) == {runs[1].id, runs[-1].id}


def test_a_baseline_stays(host: Runtime, alice: Person, project: ProjectView, runs: list[MadeRun]) -> None:
    rule = {"kind": "no_regression", "baseline": str(runs[0].id)}
    made = alice.api.post("/gates", {"project_id": str(project.id), "name": "As before", "rule": rule})
    assert made.status_code == 201, made.text
    kept_for(alice, 90)
    erase_what_is_old(host)
    assert left(alice) == {runs[0].id, runs[-1].id}


def test_what_a_kept_run_rests_on_stays(host: Runtime, alice: Person, runs: list[MadeRun]) -> None:
    changed(alice, runs[-1].id, kind="rerun", parent_run_id=runs[2].id)
    changed(alice, runs[2].id, source="replay", recording_run_id=runs[0].id)
    kept_for(alice, 90)
    erase_what_is_old(host)
    assert left(alice) == {runs[0].id, runs[2].id, runs[-1].id}


def test_runs_that_rest_on_each_other_go_together(
    host: Runtime, alice: Person, runs: list[MadeRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(alice, runs[1].id, kind="rerun", parent_run_id=runs[0].id)
    changed(alice, runs[2].id, kind="rerun", parent_run_id=runs[1].id)
    kept_for(alice, 90)
    monkeypatch.setattr("rhesis_app.retention.actions.keep._RUNS_AT_ONCE", 1)
    assert erase_what_is_old(host).runs == 4
    assert left(alice) == {runs[-1].id}


def test_a_retry_stays_with_the_run_whose_errors_it_answered(host: Runtime, alice: Person, runs: list[MadeRun]) -> None:
    parent, retry = runs[0], runs[1]
    changed(alice, retry.id, kind="retry", parent_run_id=parent.id)
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(
            text(
                "INSERT INTO replacement (organization_id, run_id, test_version_id, trial, result_id, retry_run_id, answer_id, outcome)"
                " SELECT r.organization_id, r.run_id, r.test_version_id, r.trial, r.id, :retry, :answer, 'passed'"
                " FROM test_result r WHERE r.run_id = :run"
            ),
            {"retry": retry.id, "answer": retry.result_ids[0], "run": parent.id},
        )
    (result,) = parent.result_ids
    alice.api.post(f"/test-results/{result}/reviews", {"verdict": "failed"})
    kept_for(alice, 90)
    erase_what_is_old(host)
    assert left(alice) == {parent.id, retry.id, runs[-1].id}


def test_a_run_that_a_report_is_kept_of_stays(host: Runtime, alice: Person, runs: list[MadeRun]) -> None:
    body = {"run_id": str(runs[0].id), "exporter": "json.run"}
    assert alice.api.post("/reports", body).status_code == 202
    do_jobs(alice)
    kept_for(alice, 90)
    erase_what_is_old(host)
    assert left(alice) == {runs[0].id, runs[-1].id}
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(text("UPDATE report SET expires_at = now() - interval '1 minute'"))
    host.ask("SELECT sweep_old_work()")
    erase_what_is_old(host)
    assert left(alice) == {runs[-1].id}


def test_the_latest_of_a_test_set_on_an_endpoint_stays_however_old(
    host: Runtime, alice: Person, runs: list[MadeRun]
) -> None:
    aged(alice, runs[-1].id, 1000)
    kept_for(alice, 7)
    erase_what_is_old(host)
    assert left(alice) == {runs[-1].id}


def test_a_run_that_goes_on_stays(host: Runtime, alice: Person, runs: list[MadeRun]) -> None:
    changed(alice, runs[0].id, finished_at=None, status="running", outcome="none", totals=None)
    kept_for(alice, 7)
    erase_what_is_old(host)
    assert left(alice) == {runs[0].id, runs[-1].id}


def test_many_runs_go_in_rounds(
    host: Runtime, alice: Person, runs: list[MadeRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhesis_app.retention.actions.keep._RUNS_AT_ONCE", 1)
    monkeypatch.setattr("rhesis_app.retention.actions.keep._BATCHES", 2)
    kept_for(alice, 90)
    first = erase_what_is_old(host)
    assert (first.runs, first.is_more) == (2, True)
    second = erase_what_is_old(host)
    assert (second.runs, second.is_more) == (2, True)
    assert not erase_what_is_old(host).is_more


def test_the_sweeper_beside_a_worker_erases(host: Runtime, alice: Person, runs: list[MadeRun]) -> None:
    kept_for(alice, 90)
    stop = threading.Event()
    thread = threading.Thread(target=sweep_for_ever, args=(host.settings, host, stop))
    thread.start()
    try:
        for _ in range(100):
            if len(left(alice)) == 1 or stop.wait(0.2):
                break
    finally:
        stop.set()
        thread.join()
    assert left(alice) == {runs[-1].id}


def test_every_table_that_hangs_on_a_run_is_emptied_before_it(superuser: Engine) -> None:
    """A new one that is not named would keep old runs for ever; reports keep theirs, and go by themselves."""
    hanging = {
        name
        for name, table in Base.metadata.tables.items()
        if any(key.column.table.name in DEPENDS_ON_RUNS for key in table.foreign_keys)
    }
    with superuser.connect() as connection:
        body = connection.scalar(text("SELECT prosrc FROM pg_proc WHERE proname = 'erase_runs'"))
    assert hanging - {"report", "test_run"} == set(re.findall(r"'([a-z_]+)'", body.split("ARRAY[")[1].split("]")[0]))


def test_the_function_itself_keeps_what_is_young(alice: Person, runs: list[MadeRun]) -> None:
    with alice.scope() as scope, pytest.raises(Exception, match="kept for a day"):
        scope.session.execute(text("SELECT erase_runs(now(), 10)"))


@pytest.mark.parametrize("days", [0, 6, 3651, -1, "90", 1.5, True])
def test_days_out_of_range_are_refused(alice: Person, days: object) -> None:
    assert alice.api.patch(retention(alice), {"result_days": days}).status_code == 422
    assert alice.api.patch(retention(alice), {"audit_days": days}).status_code == 422


def test_a_change_of_one_leaves_the_other(alice: Person) -> None:
    alice.api.patch(retention(alice), {"result_days": 90, "audit_days": 400})
    answer = alice.api.patch(retention(alice), {"result_days": None})
    assert answer.json == {"result_days": None, "audit_days": 400, "old_runs": 0}
    assert alice.count(AuditEntry, action="organization.retention") == 2


def test_only_owners_say_how_long(alice: Person, charlie: Person) -> None:
    admin = add_member(alice, "adam", "Admin")
    assert admin.api.patch(retention(alice), {"result_days": 90}).status_code == 403
    assert admin.web.post("/settings/data/retention", {"result_days": "90"}).status_code == 403
    assert charlie.api.patch(retention(alice), {"result_days": 90}).status_code == 404


def words(page: str) -> str:
    main = page.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def test_the_page_says_how_many_runs_go_before_it_saves(alice: Person, runs: list[MadeRun]) -> None:
    asked = alice.web.post("/settings/data/retention", {"result_days": "90", "audit_days": ""})
    assert asked.status_code == 200
    assert "4 runs would go for good" in words(asked.text)
    assert alice.api.get(retention(alice)).json["result_days"] is None
    confirmed = {"result_days": "90", "audit_days": "", "confirmed": "true"}
    assert alice.web.post("/settings/data/retention", confirmed).status_code == 303
    assert alice.api.get(retention(alice)).json["result_days"] == 90
    assert 'value="90" selected' in alice.web.get("/settings/data").text


def test_what_erases_nothing_is_saved_at_once(alice: Person) -> None:
    assert alice.web.post("/settings/data/retention", {"result_days": "30", "audit_days": "365"}).status_code == 303
    assert alice.api.get(retention(alice)).json == {"result_days": 30, "audit_days": 365, "old_runs": 0}


@pytest.mark.parametrize("typed", ["soon", "3", "99999", "1e2"])
def test_bad_days_are_said_at_their_field(alice: Person, typed: str) -> None:
    answer = alice.web.post("/settings/data/retention", {"result_days": typed})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
