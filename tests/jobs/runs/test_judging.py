"""A metric with a judge in a run: the scripted model says it, the evaluation keeps it, and a judge that is away decides nothing."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from examples.scripted_model.server import ScriptedModel
from rhesis_app.authoring.models import Metric
from rhesis_app.endpoints.actions.fields import Tools as EndpointTools
from rhesis_app.endpoints.actions.models import ModelChanges, NewModel, archive_model, create_model, update_model
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.ports import Prices
from rhesis_app.kernel.registry import Registry
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.start import NewRun, start_run
from rhesis_app.sdk import Binary, Evaluator, EvaluatorSpec, Need, Sample, Score, Tools, param
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

KEY = "sk-canary-5f1c0a97"
SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["no", "yes"]}, "reason": {"type": "string"}},
    "required": ["verdict", "reason"],
    "additionalProperties": False,
}
MARK = "0123456789abcdef"


@dataclass(frozen=True)
class Criteria:
    """What the tiny judge is told."""

    criteria: str = param("The answer says “yes”.", help="What makes an answer good.")


def build(params: Criteria, tools: Tools) -> Evaluator:
    def judge(sample: Sample, /) -> Score:
        prompt = f'{params.criteria}\n<data-{MARK} name="answer">\n{sample.output}\n</data-{MARK}>'
        found = tools.judge(prompt, SCHEMA)
        return Score.of(found.answer["verdict"] == "yes", str(found.answer["reason"]))

    return judge


TINY = EvaluatorSpec(
    key="tiny.judge",
    title="Tiny judge",
    summary="Asks whether an answer is good.",
    params=Criteria,
    build=build,
    scale=Binary(),
    needs=frozenset({Need.JUDGE}),
    deterministic=False,
)
TESTS = [("Is it open?", "yes"), ("Is it closed?", "no")]


@dataclass(frozen=True)
class Judged:
    """A world whose test set is judged by a model."""

    world: World

    @property
    def registry(self) -> Registry:
        registry = self.world.person.host.registry
        return replace(registry, evaluators={**registry.evaluators, TINY.key: TINY})

    @property
    def tools(self) -> EndpointTools:
        host = self.world.person.host
        return EndpointTools(door=host.door, secrets=host.secrets)

    def connect(self, url: str, **model: Any) -> UUID:
        new = {"name": "Judge", "wire": "openai", "base_url": url, "model_name": "scripted", **model}
        with self.world.person.scope() as scope:
            return create_model(scope, self.tools, NewModel(project_id=self.world.project_id, **new)).id

    def start(self) -> UUID:
        with self.world.person.scope() as scope:
            new = NewRun(test_set_id=self.world.test_set_id, endpoint_id=self.world.endpoint_id)
            return start_run(scope, self.registry, new)

    def drive(self, run_id: UUID, **parts: Any) -> None:
        with self.world.person.scope() as scope:
            drive_run(scope, replace(self.world.parts, registry=self.registry, **parts), run_id, stop=threading.Event())

    def run(self) -> UUID:
        run_id = self.start()
        self.drive(run_id)
        return run_id

    def evaluations(self, run_id: UUID) -> list[Any]:
        return self.world.ask(
            "SELECT e.*, t.prompt FROM evaluation e JOIN test_result r ON r.id = e.result_id"
            " JOIN test_version t ON t.id = r.test_version_id WHERE e.run_id = :run ORDER BY t.prompt",
            run=run_id,
        )

    def outcomes(self, run_id: UUID) -> Mapping[str, int]:
        found = self.world.ask("SELECT outcome, count(*) FROM test_result WHERE run_id = :run GROUP BY 1", run=run_id)
        return dict(tuple(row) for row in found)


def answers(call: Any) -> Any:
    return json_reply({"reply": "yes, come in" if "open" in call.json["message"] else "I am afraid not"})


@pytest.fixture
def endpoint() -> Any:
    with ScriptedEndpoint(answers) as server:
        yield server


@pytest.fixture
def judged(alice: Person, endpoint: ScriptedEndpoint) -> Judged:
    world = make_world(alice, endpoint.url, TESTS)
    with alice.scope() as scope, scope.atomic() as session:
        metric = session.get(Metric, world.metric_id)
        metric.evaluator_key, metric.params, metric.rule = TINY.key, {}, {"at_least": 1}
    return Judged(world)


PRICES = Prices(input_per_million=Decimal("2.5"), output_per_million=Decimal("10"))


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_judge_gives_verdicts_with_reason_tokens_cost_and_its_own_words(judged: Judged, wire: str) -> None:
    with ScriptedModel(key=KEY) as model:
        judged.connect(model.url, wire=wire, key=KEY, prices=PRICES)
        run_id = judged.run()
        assert len(model.calls) == 2
    closed, opened = judged.evaluations(run_id)
    assert (opened.verdict, closed.verdict) == ("passed", "failed")
    assert opened.reason == "It has everything that was wanted."
    assert closed.reason == "It lacks: yes."
    assert opened.model == "scripted"
    assert opened.tokens_in > 0
    assert opened.cost == (opened.tokens_in * Decimal("2.5") + opened.tokens_out * 10) / 1_000_000
    assert '"verdict": "yes"' in opened.raw[0]
    assert judged.outcomes(run_id) == {"passed": 1, "failed": 1}
