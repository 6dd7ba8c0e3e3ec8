"""Real workers killed while they score stored answers: each is scored exactly once, and stays as it was."""

from sqlalchemy import Engine, text

from rhesis_app.infra.config import Settings
from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.actions.again import Rescore, rescore_answers
from rhesis_app.runs.actions.sweep import sweep
from tests.factories import Given, RunPlan, make_run
from tests.jobs.faults.processes import kill_with_children, until, workers
from tests.people import Person

ANSWERS = 4_000


def test_killing_the_workers_twice_and_emptying_redis_loses_and_doubles_no_score(
    alice: Person, project: ProjectView, settings: Settings, superuser: Engine
) -> None:
    given = [
        Given(
            prompt=f"p{n}",
            output="On its way" if n % 2 else "Nobody knows",
            outcome="error" if n % 100 == 0 else "failed",
        )
        for n in range(ANSWERS)
    ]
    with alice.scope() as scope:
        parent = make_run(scope, RunPlan(project_id=project.id), given)
    with alice.scope() as scope:
        child = rescore_answers(scope, alice.host.registry, Rescore(run_id=parent.id))

    def ask(statement: str) -> int:
        with alice.scope() as scope:
            values = {"child": child, "parent": parent.id}
            return int(scope.session.execute(text(statement), values).scalar_one())

    def scored() -> int:
        return ask("SELECT count(*) FROM test_result WHERE run_id = :child")

    seen = []
    for share in (0.1, 0.4):
        with workers(settings) as started:
            until(lambda share=share: scored() >= ANSWERS * share)
            for process in started:
                kill_with_children(process.pid)
        seen.append(scored())
        alice.host.queue.redis.flushall()
        with superuser.connect() as connection:
            connection.execute(
                text("UPDATE work_item SET lease_until = now() - interval '1 second' WHERE lease_owner IS NOT NULL")
            )
        sweep(alice.host)
    assert seen[-1] < ANSWERS, "the workers were killed too late for this to say anything"
    with workers(settings, 1):
        until(lambda: ask("SELECT count(*) FROM test_run WHERE id = :child AND finished_at IS NOT NULL") == 1)
    assert scored() == ANSWERS
    assert ask("SELECT count(*) FROM evaluation WHERE run_id = :child") == ANSWERS * 99 // 100
    assert ask("SELECT count(*) FROM work_item") == 0
    changed = (
        "SELECT count(*) FROM test_result c JOIN test_result p ON p.run_id = :parent AND p.test_version_id = c.test_version_id"
        " WHERE c.run_id = :child AND (c.output, c.error_code, c.latency_ms) IS DISTINCT FROM (p.output, p.error_code, p.latency_ms)"
    )
    assert ask(changed) == 0
    wrong = (
        "SELECT count(*) FROM test_result WHERE run_id = :child AND outcome <> CASE WHEN error_code IS NOT NULL THEN 'error'"
        " WHEN output = 'On its way' THEN 'passed' ELSE 'failed' END"
    )
    assert ask(wrong) == 0
