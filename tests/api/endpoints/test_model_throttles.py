"""What holds a model up is told by the API and its page, and a member ends it."""

from collections.abc import Callable
from uuid import UUID

import pytest

from rhesis_app.endpoints.actions.turns import TurnBook
from tests.jobs.runs.world import World, make_world
from tests.people import Person

NOTHING = {"limit": None, "lowered_for": None, "paused_s": None, "open_s": None}
HELD_UP = (
    "UPDATE model_throttle SET cur_limit = 2, lowered_at = now(), lowered_for = 'throttled', open_s = 60,"
    " open_until = now() + interval '50 seconds', paused_until = now() + interval '20 seconds'"
)


@pytest.fixture
def world(alice: Person) -> World:
    return make_world(alice, "http://127.0.0.1:9/chat", [("Question", "yes")])


@pytest.fixture
def model(world: World, alice: Person) -> UUID:
    new = {"project_id": str(world.project_id), "name": "Judge", "wire": "openai", "model_name": "m"}
    made = alice.api.post("/models", new | {"base_url": "http://127.0.0.1:8999/v1"})
    assert made.status_code == 201, made.json
    with alice.scope() as scope:
        book = TurnBook("a slice")
        book.of(made.json["id"], 8)
        book.sync(scope, 8)
    return UUID(made.json["id"])


@pytest.fixture
def change(world: World) -> Callable[[str], None]:
    def execute(statement: str) -> None:
        with world.person.scope() as scope, scope.atomic() as session:
            session.connection().exec_driver_sql(statement)

    return execute


def path_of(world: World, model: UUID) -> str:
    slug = world.ask("SELECT slug FROM project WHERE id = :id", id=world.project_id)[0].slug
    return f"/p/{slug}/models/{model}"


def test_nothing_is_told_where_nothing_holds_it_up(world: World, alice: Person, model: UUID) -> None:
    assert alice.api.get(f"/models/{model}").json["throttle"] == NOTHING
    assert "Try again now" not in alice.web.get(path_of(world, model)).text


def test_what_holds_it_up_is_told_and_ended(
    world: World, alice: Person, model: UUID, change: Callable[[str], None]
) -> None:
    change(HELD_UP)
    told = alice.api.get(f"/models/{model}").json["throttle"]
    assert (told["limit"], told["lowered_for"]) == (2, "throttled")
    assert 15 < told["paused_s"] <= 20
    page = alice.web.get(path_of(world, model)).text
    for said in ("It asked for a pause: ", "Too many calls in a row failed: ", "It gets 2 calls at a time for now"):
        assert said in page
    answer = alice.api.post(f"/models/{model}/throttle/reset", {})
    assert (answer.status_code, answer.json["throttle"]) == (200, NOTHING | {"open_s": 0})  # one call goes first
    assert world.ask("SELECT action FROM audit_entry ORDER BY id DESC LIMIT 1")[0].action == "model.reset_throttle"


def test_the_button_of_the_page_ends_it(
    world: World, alice: Person, model: UUID, change: Callable[[str], None]
) -> None:
    change(HELD_UP)
    change("UPDATE model_throttle SET open_s = 0, open_until = NULL")
    assert alice.web.post(f"{path_of(world, model)}/throttle/reset", {}).status_code == 303
    page = alice.web.get(path_of(world, model)).text
    assert "is called again" in page
    assert "Try again now" not in page


def test_viewers_and_strangers_end_nothing(
    world: World, model: UUID, bob: Person, charlie: Person, change: Callable[[str], None]
) -> None:
    change(HELD_UP)
    assert bob.api.post(f"/models/{model}/throttle/reset", {}).status_code == 403
    assert charlie.api.post(f"/models/{model}/throttle/reset", {}).status_code == 404
    assert world.ask("SELECT cur_limit FROM model_throttle")[0].cur_limit == 2
