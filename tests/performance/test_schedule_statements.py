"""How many statements schedules take: the same for a few and for many."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.jobs.runs.world import make_world
from tests.jobs.schedules.test_firing import schedule
from tests.people import Person
from tests.performance.test_run_statements import taken

Watch = Callable[[], AbstractContextManager[list[str]]]


def test_lists_forms_and_single_schedules_keep_to_their_budgets(alice: Person, statements: Watch) -> None:
    world = make_world(alice, "http://127.0.0.1:9", [("Question", "yes")])
    slug = world.ask("SELECT slug FROM project")[0].slug

    def counts(schedule_id: str) -> tuple[int, ...]:
        return (
            taken(statements, lambda: alice.api.get(f"/schedules/{schedule_id}")),
            taken(statements, lambda: alice.api.get("/schedules?count=true&limit=200")),
            taken(statements, lambda: alice.web.get(f"/p/{slug}/schedules")),
            taken(statements, lambda: alice.web.get(f"/p/{slug}/schedules/{schedule_id}/edit")),
        )

    first = schedule(world)["id"]
    few = counts(first)
    for _ in range(40):
        schedule(world)
    assert counts(first) == few
    item, listed, page, form = few
    assert item <= 4
    assert listed <= 6
    assert page <= 8
    assert form <= 8
