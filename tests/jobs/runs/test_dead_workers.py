"""What dead processes held goes back before its lease runs out; a test may be to blame only where its process died alone."""

import pytest
from sqlalchemy import text

from rhesis_app.kernel.ports import Fate
from rhesis_app.runs.actions.sweep import release_dead, sweep
from tests.jobs.runs.world import World, make_world
from tests.people import Person

LEASED = "UPDATE work_item SET lease_owner = :owner, lease_until = now() + interval '1 minute', attempt = :attempt, fence = fence + 1"


class Seen:
    """A host that sees one fate for everybody, and asks the database as the real one does."""

    def __init__(self, world: World, fate: Fate) -> None:
        self._host, self._fate = world.person.host, fate
        self.place = "here:"

    def fate_of(self, holder: str) -> Fate:
        assert holder.startswith("here:"), "others are not even asked about"
        return self._fate

    def ask(self, statement: str, **values: object) -> object:
        return self._host.ask(statement, **values)


@pytest.fixture
def world(alice: Person) -> World:
    world = make_world(alice, "http://127.0.0.1:9", [("One", "yes"), ("Two", "yes")])
    world.start()
    return world


def lease(world: World, owner: str, attempt: int = 1) -> None:
    with world.person.scope() as scope, scope.atomic() as session:
        session.execute(text(LEASED), {"owner": owner, "attempt": attempt})


def state(world: World) -> set[tuple[bool, bool]]:
    rows = world.ask("SELECT lease_owner IS NOT NULL AS leased, solo FROM work_item")
    return {(row.leased, row.solo) for row in rows}


@pytest.mark.parametrize(
    ("fate", "attempt", "solo"),
    [
        (Fate.WORKER_DIED, 1, False),
        (Fate.WORKER_DIED, 2, True),
        (Fate.PROCESS_DIED, 1, True),
    ],
)
def test_items_of_the_dead_go_back_at_once(world: World, fate: Fate, attempt: int, *, solo: bool) -> None:
    lease(world, "here:1.1/2.2/ab", attempt)
    assert release_dead(Seen(world, fate)) == 2  # type: ignore[arg-type]
    sweep(world.person.host)
    assert state(world) == {(False, solo)}


@pytest.mark.parametrize("fate", [Fate.ALIVE, Fate.UNKNOWN])
def test_items_of_the_living_stay_theirs(world: World, fate: Fate) -> None:
    lease(world, "here:1.1/2.2/ab")
    assert release_dead(Seen(world, fate)) == 0  # type: ignore[arg-type]
    assert state(world) == {(True, False)}


def test_items_of_another_machine_wait_for_their_lease(world: World) -> None:
    lease(world, "there:1.1/2.2/ab")
    assert release_dead(Seen(world, Fate.WORKER_DIED)) == 0  # type: ignore[arg-type]
    assert state(world) == {(True, False)}
