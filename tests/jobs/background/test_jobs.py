"""Jobs as rows: claimed once, fenced, tried again, swept, cancelled; whatever happens to workers and Redis."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, Forbidden, NotFound
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.jobs import JobSpec, job
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.background import (
    Held,
    NewJob,
    TryAgain,
    ask_for,
    cancel_job,
    perform,
    sweep_jobs,
)
from rhesis_app.notifications.models import Job
from rhesis_app.notifications.rules.jobs import pause_s
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

KIND = "tests.work"


@pytest.fixture
def kinds(host: Runtime, monkeypatch: pytest.MonkeyPatch) -> dict[str, JobSpec]:
    """One more kind of work, known to the process."""

    @job(KIND, queue="jobs", permissions=frozenset(), title="Work", cancel=Permission.REPORT_CREATE)
    def work(host: Runtime, scope: Scope, ids: dict[str, str]) -> None:
        """Nothing: the tests say what is done."""

    known = {**host.jobs, KIND: work.job_spec}  # type: ignore[attr-defined]
    monkeypatch.setattr(host, "jobs", known)
    monkeypatch.setattr(host.queue, "_jobs", known)
    return known


@pytest.fixture
def asked(alice: Person, project: ProjectView, kinds: dict[str, JobSpec]) -> UUID:
    """A job of Alice's."""
    return ask(alice, project)


def ask(person: Person, project: ProjectView, subject: UUID | None = None, **more: Any) -> UUID:
    with person.scope() as scope, scope.atomic():
        new = NewJob(kind=KIND, subject_type="test", subject_id=subject or new_id(), project_id=project.id, **more)
        return ask_for(scope, new)


def do(person: Person, job_id: UUID, work: Callable[[Scope, Held], None], stop: threading.Event | None = None) -> None:
    with person.host.open_scope(Actor.system(person.actor.organization_id)) as scope:
        perform(person.host, scope, job_id, work, stop or threading.Event())


def row_of(person: Person, job_id: UUID) -> Job:
    with person.scope() as scope:
        return scope.get(Job, job_id)


def move(superuser: Engine, change: str) -> None:
    with superuser.connect() as connection:
        connection.execute(text(f"UPDATE job SET {change}"))


def test_work_is_done_once_and_the_row_says_so(alice: Person, asked: UUID) -> None:
    seen: list[Held] = []
    do(alice, asked, lambda _scope, held: seen.append(held))
    do(alice, asked, lambda _scope, held: seen.append(held))
    row = row_of(alice, asked)
    assert [held.attempt for held in seen] == [1]
    assert (row.status, row.progress, row.lease_owner) == ("done", 100, None)
    assert row.finished_at is not None
    assert row.asked_by == alice.actor.user_id


def test_one_subject_has_one_open_job(alice: Person, project: ProjectView, kinds: dict[str, JobSpec]) -> None:
    subject = new_id()
    first, second = ask(alice, project, subject), ask(alice, project, subject)
    assert first == second
    do(alice, first, lambda _scope, _held: None)
    assert ask(alice, project, subject) != first


def test_two_transactions_that_waited_for_each_other_cost_no_attempt(alice: Person, asked: UUID) -> None:
    def work(scope: Scope, _held: Held) -> None:
        scope.session.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))

    do(alice, asked, work)
    row = row_of(alice, asked)
    assert (row.status, row.attempt, row.lease_owner) == ("queued", 0, None)
    do(alice, asked, lambda _scope, _held: None)
    assert row_of(alice, asked).status == "done"


def test_a_refusal_is_final_and_keeps_its_sentence(alice: Person, asked: UUID) -> None:
    def work(_scope: Scope, _held: Held) -> None:
        raise Conflict("The run is gone.")

    do(alice, asked, work)
    row = row_of(alice, asked)
    assert (row.status, row.error_code, row.error_detail) == ("errored", "refused", "The run is gone.")


def test_what_fails_is_tried_again_after_a_pause_and_then_ends(alice: Person, asked: UUID, superuser: Engine) -> None:
    def work(_scope: Scope, _held: Held) -> None:
        raise RuntimeError("a secret")

    for attempt in (1, 2, 3):
        do(alice, asked, work)
        row = row_of(alice, asked)
        assert row.attempt == attempt
        do(alice, asked, work)  # not due yet: nothing happens
        assert row_of(alice, asked).attempt == attempt
        move(superuser, "not_before = now()")
    assert (row.status, row.error_code) == ("errored", "failed")
    assert "secret" not in (row.error_detail or "")


def test_what_is_away_is_tried_again(alice: Person, asked: UUID) -> None:
    def work(_scope: Scope, _held: Held) -> None:
        raise TryAgain("smtp", "The mail server is away.")

    do(alice, asked, work)
    row = row_of(alice, asked)
    assert (row.status, row.error_code, row.error_detail) == ("queued", "smtp", "The mail server is away.")
    assert row.not_before > row.created_at


def test_pauses_grow_and_have_an_end() -> None:
    assert [pause_s(attempt) for attempt in (1, 2, 3, 9)] == [10, 40, 160, 600]


def test_a_worker_whose_lease_is_anothers_writes_nothing(alice: Person, asked: UUID, superuser: Engine) -> None:
    """It thinks it still works; meanwhile the sweeper gave the job to somebody else, who is done."""

    def slow(scope: Scope, held: Held) -> None:
        move(superuser, "lease_until = now() - interval '1 second'")
        assert sweep_jobs(alice.host).returned == 1
        do(alice, asked, lambda _scope, _held: None)
        with held.finishing(scope):
            pytest.fail("the fence let it through")

    do(alice, asked, slow)
    row = row_of(alice, asked)
    assert (row.status, row.attempt, row.fence) == ("done", 2, 3)


def test_what_is_written_while_finishing_is_there_only_when_the_job_is_done(alice: Person, asked: UUID) -> None:
    def work(scope: Scope, held: Held) -> None:
        with held.finishing(scope) as session:
            session.execute(text("UPDATE project SET description = 'written'"))
            raise TryAgain("late", "Something failed in the last transaction.")

    do(alice, asked, work)
    assert row_of(alice, asked).status == "queued"
    with alice.scope() as scope:
        assert scope.session.scalar(text("SELECT description FROM project")) != "written"


def test_the_sweeper_ends_what_lost_its_worker_every_time(alice: Person, asked: UUID, superuser: Engine) -> None:
    for returned in (1, 1, 0):
        move(
            superuser,
            "status = 'running', attempt = attempt + 1, lease_owner = 'x', lease_until = now() - interval '1 s'",
        )
        assert sweep_jobs(alice.host).returned == returned
    row = row_of(alice, asked)
    assert (row.status, row.error_code) == ("errored", "worker_lost")


def test_what_redis_forgot_is_rung_for_again(alice: Person, asked: UUID, host: Runtime, superuser: Engine) -> None:
    assert host.queue.waiting("jobs") == 1
    host.queue.redis.flushall()
    assert sweep_jobs(host).rung == 0  # rung for a moment ago: it may be on its way
    move(superuser, "rung_at = now() - interval '31 seconds'")
    assert sweep_jobs(host).rung == 1
    assert host.queue.waiting("jobs") == 1
    assert sweep_jobs(host).rung == 0


def test_a_kind_of_another_version_waits_for_it(alice: Person, asked: UUID, host: Runtime, superuser: Engine) -> None:
    move(superuser, "kind = 'future.work', rung_at = NULL")
    assert sweep_jobs(host).rung == 0
    assert row_of(alice, asked).status == "queued"


def test_what_waits_is_cancelled_at_once(alice: Person, asked: UUID, kinds: dict[str, JobSpec]) -> None:
    with alice.scope() as scope:
        cancel_job(scope, kinds, asked)
        cancel_job(scope, kinds, asked)
    assert row_of(alice, asked).status == "cancelled"
    do(alice, asked, lambda _scope, _held: pytest.fail("it was done all the same"))


def test_what_runs_is_cancelled_when_it_looks(alice: Person, asked: UUID, kinds: dict[str, JobSpec]) -> None:
    def work(_scope: Scope, held: Held) -> None:
        with alice.scope() as scope:
            cancel_job(scope, kinds, asked)
        assert held.unwanted.wait(10)
        held.tick(50)
        pytest.fail("it went on")

    do(alice, asked, work)
    assert row_of(alice, asked).status == "cancelled"


def test_what_finishes_after_it_was_cancelled_writes_nothing(
    alice: Person, asked: UUID, kinds: dict[str, JobSpec]
) -> None:
    def work(scope: Scope, held: Held) -> None:
        with alice.scope() as other:
            cancel_job(other, kinds, asked)
        with held.finishing(scope):
            pytest.fail("it was written all the same")

    do(alice, asked, work)
    assert row_of(alice, asked).status == "cancelled"


def test_a_cancelled_job_whose_worker_is_lost_ends_as_cancelled(
    alice: Person, asked: UUID, kinds: dict[str, JobSpec], superuser: Engine
) -> None:
    move(superuser, "status = 'running', lease_owner = 'x', lease_until = now() - interval '1 s'")
    with alice.scope() as scope:
        cancel_job(scope, kinds, asked)
    assert sweep_jobs(alice.host).ended == 1
    assert row_of(alice, asked).status == "cancelled"


def test_a_deploy_gives_the_job_back_and_costs_no_attempt(alice: Person, asked: UUID) -> None:
    stop = threading.Event()

    def work(_scope: Scope, held: Held) -> None:
        held.tick(10)
        stop.set()
        held.tick(20)

    do(alice, asked, work, stop)
    row = row_of(alice, asked)
    assert (row.status, row.attempt, row.lease_owner) == ("queued", 0, None)
    do(alice, asked, lambda _scope, _held: None)
    assert row_of(alice, asked).status == "done"


def test_the_lease_is_renewed_and_progress_written_while_the_work_goes_on(
    alice: Person, asked: UUID, superuser: Engine
) -> None:
    def work(_scope: Scope, held: Held) -> None:
        move(superuser, "lease_until = now() + interval '5 seconds'")
        held.tick(40)
        for _ in range(100):
            row = row_of(alice, asked)
            if row.progress == 40:
                break
            threading.Event().wait(0.1)
        assert row.progress == 40
        assert (row.lease_until - row.created_at).total_seconds() > 30

    do(alice, asked, work)


def test_only_who_asked_or_who_may_do_such_work_cancels(
    alice: Person, bob: Person, charlie: Person, asked: UUID, kinds: dict[str, JobSpec]
) -> None:
    with bob.scope() as scope, pytest.raises(Forbidden):
        cancel_job(scope, kinds, asked)
    with charlie.scope() as scope, pytest.raises(NotFound):
        cancel_job(scope, kinds, asked)
    with alice.scope() as scope:
        other = replace(alice.actor, user_id=bob.actor.user_id)
        with alice.host.open_scope(other) as allowed:
            cancel_job(allowed, kinds, asked)
        assert scope.get(Job, asked).status == "cancelled"


def test_jobs_are_forgotten_after_a_season(alice: Person, asked: UUID, superuser: Engine) -> None:
    do(alice, asked, lambda _scope, _held: None)
    sweep_jobs(alice.host)
    assert alice.count(Job) == 1
    move(superuser, "finished_at = now() - interval '91 days'")
    sweep_jobs(alice.host)
    assert alice.count(Job) == 0
