"""A project with an endpoint, a metric and a test set, ready to be run."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from rhesis_app.authoring.models import Metric, Test, TestSet, TestSetItem, TestSetMetric
from rhesis_app.endpoints.models import Endpoint, EndpointThrottle
from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.actions import create_project
from rhesis_app.runs.actions.plan import Parts
from rhesis_app.runs.actions.start import NewRun, start_run
from tests.people import Person


@dataclass(frozen=True, kw_only=True)
class World:
    """What a run needs, and who may run it."""

    person: Person
    project_id: UUID
    endpoint_id: UUID
    metric_id: UUID
    test_set_id: UUID

    @property
    def parts(self) -> Parts:
        """What a slice asks and judges with."""
        host = self.person.host
        return Parts(registry=host.registry, door=host.door, secrets=host.secrets, judges=host.judges)

    def start(self, **choices: Any) -> UUID:
        """A run, accepted."""
        with self.person.scope() as scope:
            return start_run(
                scope,
                self.person.host.registry,
                NewRun(test_set_id=self.test_set_id, endpoint_id=self.endpoint_id, **choices),
            )

    def ask(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a query in this organization."""
        with self.person.scope() as scope:
            return list(scope.session.execute(text(statement), values).all())


def make_world(person: Person, url: str, tests: list[tuple[str, str]], **endpoint: Any) -> World:
    """`tests` are (prompt, expected); the metric asks whether the answer contains what is expected."""
    with person.scope() as scope:
        project = create_project(scope, f"Project {new_id().hex[-8:]}")
        with scope.atomic() as session:
            target = Endpoint(
                id=new_id(),
                project_id=project.id,
                name="bot",
                url=url,
                request_template={"message": "{{ input }}"},
                **{"response_mapping": {"output": "$.reply"}, "timeout_s": 5, "max_concurrency": 8, **endpoint},
            )
            session.add(target)
            session.flush()
            session.add(EndpointThrottle(endpoint_id=target.id))
            metric = Metric(
                id=new_id(),
                project_id=project.id,
                name="Contains the expected answer",
                evaluator_key="text.contains",
                params={},
                rule={"at_least": 1},
                required=True,
            )
            test_set = TestSet(id=new_id(), project_id=project.id, name="Set")
            rows = [
                Test(
                    id=new_id(),
                    project_id=project.id,
                    prompt=prompt,
                    expected=expected,
                    content_hash=f"{prompt}|{expected}",
                )
                for prompt, expected in tests
            ]
            session.add_all([metric, test_set, *rows])
            session.flush()
            session.add(TestSetMetric(test_set_id=test_set.id, metric_id=metric.id))
            session.add_all(
                TestSetItem(test_set_id=test_set.id, test_id=row.id, position=position)
                for position, row in enumerate(rows)
            )
    return World(
        person=person, project_id=project.id, endpoint_id=target.id, metric_id=metric.id, test_set_id=test_set.id
    )
