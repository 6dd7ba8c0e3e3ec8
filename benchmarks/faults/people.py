"""Who starts the runs of the drills: one organization, and for each drill a project with tests whose right verdict is known."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Self
from uuid import UUID

from sqlalchemy import func, literal

from benchmarks.faults.site import Site
from rhesis_app.app import create_app
from rhesis_app.auth.models import ApiToken
from rhesis_app.auth.rules import new_api_token
from rhesis_app.authoring.models import Metric
from rhesis_app.infra.config import settings_from
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest
from rhesis_app.kernel.permissions import Permission
from tests.jobs.runs.world import World, make_world
from tests.people import Person, make_people

if TYPE_CHECKING:
    from benchmarks.faults.drill import Fault, Scale

TIMEOUT_S = 2


@dataclass
class Tenant:
    """Alice and a token of hers; as a context it lets go of what it held."""

    site: Site

    def __enter__(self) -> Self:
        app = create_app(settings_from(self.site.environment))
        self._host = app.extensions["rhesis"]
        self.person: Person = make_people(app, self._host)["alice"]
        secret = new_api_token()
        with self.person.scope() as scope, scope.atomic() as session:
            token = ApiToken(
                user_id=self.person.actor.user_id,
                name="drills",
                prefix=secret[:8],
                sha256=digest(secret),
                scopes=[str(permission) for permission in Permission],
                expires_at=func.now() + literal(timedelta(days=1)),
            )
            session.add(token)
        self.authorization = f"Bearer {secret}"
        return self

    def __exit__(self, *_: object) -> None:
        self._host.door.close()
        self._host.engine.dispose()

    def ring(self, run_id: UUID, slot: int) -> None:
        """Ring for a run, as whoever accepts one does."""
        ids = {"run_id": str(run_id), "slot": str(slot)}
        self._host.queue.enqueue("runs.drive", self.person.actor.organization_id, ids, 120)

    def small_world(self, url: str) -> World:
        """A project of ten tests."""
        tests = [(f"Question {number:05d}", "yes") for number in range(10)]
        return make_world(self.person, url, tests, timeout_s=TIMEOUT_S, max_concurrency=4)

    def world(self, url: str, fault: "Fault", scale: "Scale") -> World:
        """A project whose tests are `Question 00000` and so on."""
        tests = [
            (f"Question {number:05d}", fault.expected(number, scale.items) or "yes") for number in range(scale.items)
        ]
        world = make_world(self.person, url, tests, timeout_s=TIMEOUT_S, max_concurrency=scale.limit)
        if fault.metric == "text.contains":
            return world
        metric_id = new_id()
        with self.person.scope() as scope, scope.atomic() as session:
            metric = Metric(
                id=metric_id,
                project_id=world.project_id,
                name=fault.metric,
                evaluator_key=fault.metric,
                params={},
                rule={"at_least": 1},
                required=True,
            )
            session.add(metric)
        return replace(world, metric_id=metric_id)
