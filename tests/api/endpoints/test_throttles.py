"""What holds an endpoint up is told by the API and its page, and a member ends it."""

import pytest

from tests.jobs.runs.world import World, make_world
from tests.people import Person

NOTHING = {"limit": None, "lowered_for": None, "paused_s": None, "open_s": None}
HELD_UP = (
    "UPDATE endpoint_throttle SET cur_limit = 3, lowered_at = now(), lowered_for = 'timeout', successes = 7, open_s = 60,"
    " open_until = now() + interval '50 seconds', paused_until = now() + interval '20 seconds'"
)


@pytest.fixture
def world(alice: Person) -> World:
    return make_world(alice, "http://127.0.0.1:9/chat", [("Question", "yes")], max_concurrency=16)


def change(world: World, statement: str) -> None:
    with world.person.scope() as scope, scope.atomic() as session:
        session.connection().exec_driver_sql(statement)


def page_of(world: World, person: Person) -> str:
    slug = world.ask("SELECT slug FROM project WHERE id = :id", id=world.project_id)[0].slug
    return str(person.web.get(f"/p/{slug}/endpoints/{world.endpoint_id}").text)


def test_nothing_is_told_where_nothing_holds_it_up(world: World, alice: Person) -> None:
    assert alice.api.get(f"/endpoints/{world.endpoint_id}").json["throttle"] == NOTHING
    assert "Try again now" not in page_of(world, alice)


def test_a_lowered_limit_a_pause_and_an_open_breaker_are_told_and_ended(world: World, alice: Person) -> None:
    change(world, HELD_UP)
    told = alice.api.get(f"/endpoints/{world.endpoint_id}").json["throttle"]
    assert (told["limit"], told["lowered_for"]) == (3, "timeout")
    assert 15 < told["paused_s"] <= 20
    assert 45 < told["open_s"] <= 50
    page = page_of(world, alice)
    for said in ("It asked for a pause: ", "Too many calls in a row failed: ", "It gets 3 calls at a time for now"):
        assert said in page
    answer = alice.api.post(f"/endpoints/{world.endpoint_id}/throttle/reset", {})
    assert (answer.status_code, answer.json["throttle"]) == (200, NOTHING | {"open_s": 0})  # one call goes first
    row = world.ask("SELECT successes, failures, open_s, lowered_at FROM endpoint_throttle")[0]
    assert tuple(row) == (0, 0, 15, None)
    audit = world.ask("SELECT action FROM audit_entry ORDER BY id DESC LIMIT 1")[0]
    assert audit.action == "endpoint.reset_throttle"


def test_the_button_of_the_page_ends_it(world: World, alice: Person) -> None:
    change(world, HELD_UP)
    change(world, "UPDATE endpoint_throttle SET open_s = 0, open_until = NULL")
    slug = world.ask("SELECT slug FROM project WHERE id = :id", id=world.project_id)[0].slug
    gone_to = alice.web.post(f"/p/{slug}/endpoints/{world.endpoint_id}/throttle/reset", {})
    assert gone_to.status_code == 303
    page = page_of(world, alice)
    assert "is asked again" in page
    assert "Try again now" not in page


def test_an_open_breaker_whose_time_is_over_says_that_one_call_tries(world: World, alice: Person) -> None:
    change(world, "UPDATE endpoint_throttle SET open_s = 30, open_until = now() - interval '1 second'")
    assert alice.api.get(f"/endpoints/{world.endpoint_id}").json["throttle"]["open_s"] == 0
    assert "one call tries it again." in page_of(world, alice)


def test_another_address_is_asked_as_if_nothing_had_been(world: World, alice: Person) -> None:
    change(world, HELD_UP)
    held_up = alice.api.patch(f"/endpoints/{world.endpoint_id}", {"name": "renamed"}).json["throttle"]
    assert held_up["limit"] == 3
    moved = alice.api.patch(f"/endpoints/{world.endpoint_id}", {"url": "http://127.0.0.1:10/chat"})
    assert (moved.status_code, moved.json["throttle"]) == (200, NOTHING)


def test_who_may_only_read_is_told_and_changes_nothing(world: World, bob: Person) -> None:
    change(world, HELD_UP)
    page = page_of(world, bob)
    assert "It asked for a pause: " in page
    assert "Try again now" not in page
    assert bob.api.post(f"/endpoints/{world.endpoint_id}/throttle/reset", {}).status_code == 403
    assert world.ask("SELECT cur_limit FROM endpoint_throttle")[0].cur_limit == 3
