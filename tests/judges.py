"""A project with a model that judges: the scripted one, over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from examples.scripted_model.server import ScriptedModel
from rhesis_app.projects.queries import ProjectView
from tests.people import Person

CRITERIA = {"criteria": "The answer says “30 days”."}


@dataclass(frozen=True)
class JudgedProject:
    """A project, its model, and what is asked of both."""

    person: Person
    project: ProjectView
    model: ScriptedModel
    model_id: str

    def metric(self, evaluator: str = "judge.rubric", **more: Any) -> str:
        """A metric that judges by the criteria; its id."""
        body = {
            "project_id": str(self.project.id),
            "name": "Names the days",
            "evaluator": evaluator,
            "params": CRITERIA,
        }
        answer = self.person.api.post("/metrics", {**body, **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])

    def tried(self, sample: dict[str, Any], **recipe: Any) -> Any:
        """What a trial says of a sample."""
        body = {"project_id": str(self.project.id), "evaluator": "judge.rubric", "params": CRITERIA, "sample": sample}
        return self.person.api.post("/metrics/try", {**body, **recipe})


@contextmanager
def judged(person: Person, project: ProjectView, **script: Any) -> Iterator[JudgedProject]:
    """The model is connected, priced, and the default for judging."""
    with ScriptedModel(**script) as model:
        new = {
            "project_id": str(project.id),
            "name": "Scripted",
            "wire": "openai",
            "base_url": model.url,
            "model_name": "scripted",
            "prices": {"input_per_million": "2.5", "output_per_million": "10"},
        }
        answer = person.api.post("/models", new)
        assert answer.status_code == 201, answer.text
        yield JudgedProject(person, project, model, answer.json["id"])
