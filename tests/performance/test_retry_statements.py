"""How many statements retrying errors, pausing and resuming take: the same for a few rows and for many."""

import threading

import pytest

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.retry_errors import RetryErrors, retry_errors
from tests.jobs.runs.world import make_world
from tests.people import Person
from tests.performance.test_run_statements import Watch, many, run_of
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply


@pytest.mark.parametrize(("verb", "most"), [("retry-errors", 22), ("pause", 10), ("resume", 10)])
def test_each_takes_the_same_for_few_and_many(
    alice: Person, project: ProjectView, statements: Watch, verb: str, most: int
) -> None:
    counts = []
    for count in (8, 400):
        is_finished = verb == "retry-errors"
        made = run_of(alice, project, many(count, pending=0 if is_finished else count), is_finished=is_finished)
        if verb == "resume":
            alice.api.post(f"/test-runs/{made.id}/pause")
        alice.api.get(f"/test-runs/{made.id}")  # the client's own credential is made at first use
        with statements() as seen:
            assert alice.api.post(f"/test-runs/{made.id}/{verb}").status_code in {200, 202}
        counts.append(len(seen))
    few, lots = counts
    assert few == lots <= most


def test_a_batch_of_a_retry_replaces_its_errors_in_one_statement(alice: Person, statements: Watch) -> None:
    refuses = threading.Event()
    refuses.set()

    def script(_call: Call) -> Reply:
        return Reply(status=404) if refuses.is_set() else json_reply({"reply": "yes"})

    with ScriptedEndpoint(script) as server:
        world = make_world(alice, server.url, [(f"p{n}", "yes") for n in range(60)], max_concurrency=64)
        run_id = world.start()
        with alice.scope() as scope, statements() as seen:
            drive_run(scope, world.parts, run_id, stop=threading.Event())
        assert not any("replacement" in one and "INSERT" in one for one in seen)
        refuses.clear()
        with alice.scope() as scope:
            retry_id = retry_errors(scope, RetryErrors(run_id=run_id))
        with alice.scope() as scope, statements() as seen:
            drive_run(scope, world.parts, retry_id, stop=threading.Event())
    batches = sum("INSERT INTO test_result" in one for one in seen)
    assert 0 < batches < 30
    assert sum("INSERT INTO replacement" in one for one in seen) == batches
