"""The sweeper beside a worker works with everything that its worker has."""

import threading
from dataclasses import replace
from uuid import UUID

from sqlalchemy import text

from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.scope import Scope
from rhesis_app.worker import sweep_for_ever
from tests.jobs.runs.world import make_world
from tests.people import Person


def test_a_run_that_the_sweeper_ends_is_heard_of_by_those_who_listen(alice: Person, host: Runtime) -> None:
    world = make_world(alice, "http://127.0.0.1:9", [("Question", "yes")])
    run_id = world.start()
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(text("DELETE FROM work_item"))
    heard: list[UUID] = []
    stop = threading.Event()

    def listen(_scope: Scope, subject: UUID) -> None:
        heard.append(subject)
        stop.set()

    listening = replace(host, listeners={"run.finished": (listen,)})
    thread = threading.Thread(target=sweep_for_ever, args=(host.settings, listening, stop))
    thread.start()
    assert stop.wait(10)
    thread.join(20)
    assert heard == [run_id]
