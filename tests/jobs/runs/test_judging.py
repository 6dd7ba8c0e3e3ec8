"""A metric with a judge in a run: the scripted model says it, the evaluation keeps it, and a judge that is away decides nothing."""

import re
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
from rhesis_app.endpoints.rules.costs import dollars
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ports import Prices
from rhesis_app.kernel.registry import Registry
from rhesis_app.runs.actions.again import Rescore, rescore_answers
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.start import NewRun, start_run
from tests.jobs.runs.world import World, make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply
from tests.tiny_judge import TINY, offering_tiny, with_tiny

KEY = "sk-canary-5f1c0a97"
TESTS = [("Is it open?", "yes"), ("Is it closed?", "no")]


@dataclass(frozen=True)
class Judged:
    """A world whose test set is judged by a model."""

    world: World

    @property
    def registry(self) -> Registry:
        return with_tiny(self.world.person.host.registry)

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


def judged_by_tiny(world: World) -> Judged:
    """The world's metric asks a judge instead of looking for a text."""
    with world.person.scope() as scope, scope.atomic() as session:
        metric = session.get(Metric, world.metric_id)
        metric.evaluator_key, metric.params, metric.rule = TINY.key, {}, {"at_least": 1}
    return Judged(world)


@pytest.fixture
def judged(alice: Person, endpoint: ScriptedEndpoint) -> Judged:
    return judged_by_tiny(make_world(alice, endpoint.url, TESTS))


PRICES = Prices(input_per_million=Decimal("2.5"), output_per_million=Decimal(10))


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


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("down", "could not be reached (reset)"),
        ("error", "answered 500"),
        ("throttled", "asks for fewer calls"),
        ("refuses", "refused to answer (I cannot judge this.)"),
        ("nonsense", "it holds no JSON object"),
    ],
)
def test_a_judge_that_fails_says_how_and_decides_nothing(judged: Judged, fault: str, sentence: str) -> None:
    with ScriptedModel(fault=fault) as model:
        judged.connect(model.url)
        run_id = judged.run()
    found = judged.evaluations(run_id)
    assert {one.verdict for one in found} == {"error"}
    assert {one.score for one in found} == {None}
    assert all("“Judge”" in one.reason and sentence in one.reason for one in found), found[0].reason
    assert judged.outcomes(run_id) == {"unscored": 2}


def test_what_a_useless_answer_cost_and_said_is_kept(judged: Judged) -> None:
    with ScriptedModel(fault="nonsense") as model:
        judged.connect(model.url, prices=PRICES)
        run_id = judged.run()
    one = judged.evaluations(run_id)[0]
    assert one.raw == ["I would rather talk about the weather."]
    assert one.tokens_out == 7
    assert one.cost > 0


def test_without_any_model_the_evaluation_says_what_to_do(judged: Judged) -> None:
    run_id = judged.run()
    assert {(one.verdict, one.model, one.raw == []) for one in judged.evaluations(run_id)} == {("error", None, True)}
    assert "connect one in the project's models" in judged.evaluations(run_id)[0].reason
    assert judged.outcomes(run_id) == {"unscored": 2}


def test_a_server_that_knows_no_schemas_is_asked_in_words_and_never_again_by_schema(judged: Judged) -> None:
    with ScriptedModel(fault="plain") as model:
        judged.connect(model.url)
        judged.run()
        first = len(model.calls)
        run_id = judged.run()
        assert first in {3, 4}, "both tests at once may find it out"
        assert len(model.calls) == first + 2
    assert judged.outcomes(run_id) == {"passed": 1, "failed": 1}


def test_only_the_last_object_of_an_answer_counts(judged: Judged) -> None:
    with ScriptedModel(fault="chatty") as model:
        judged.connect(model.url)
        run_id = judged.run()
    assert judged.outcomes(run_id) == {"passed": 1, "failed": 1}


def test_the_run_keeps_the_model_and_the_prices_it_was_started_with(judged: Judged, alice: Person) -> None:
    with ScriptedModel() as model:
        model_id = judged.connect(model.url, prices=PRICES)
        run_id = judged.start()
        changes = ModelChanges(model_name="other", name="Renamed", prices=Prices(input_per_million=Decimal(999)))
        with judged.world.person.scope() as scope:
            update_model(scope, judged.tools, model_id, changes)
        judged.drive(run_id)
        assert {call.body["model"] for call in model.calls} == {"scripted"}
    one = judged.evaluations(run_id)[0]
    assert one.cost == (one.tokens_in * Decimal("2.5") + one.tokens_out * 10) / 1_000_000
    shown = alice.api.get(f"/test-runs/{run_id}").json["metrics"][0]["model"]
    assert (shown["name"], shown["model_name"]) == ("Judge", "scripted")
    assert shown["prices"] == {"input_per_million": "2.5", "output_per_million": "10", "currency": "USD"}
    assert "key" not in shown


def test_a_new_price_or_name_leaves_runs_comparable_and_another_model_does_not(judged: Judged, alice: Person) -> None:
    with ScriptedModel() as model:
        model_id = judged.connect(model.url, prices=PRICES)
        changes = (ModelChanges(name="Renamed", prices=Prices()), ModelChanges(model_name="other"))
        runs = [judged.run()]
        for change in changes:
            with judged.world.person.scope() as scope:
                update_model(scope, judged.tools, model_id, change)
            runs.append(judged.run())
    told = [alice.api.get(f"/comparisons?baseline={runs[0]}&candidate={later}").json for later in runs[1:]]
    assert [one["comparable"]["ok"] for one in told] == [True, False]
    assert [judged.evaluations(run_id)[0].cost is None for run_id in runs] == [False, True, True]


def test_a_key_entered_for_another_address_is_not_sent_to_the_one_that_was_frozen(judged: Judged) -> None:
    with ScriptedModel() as before, ScriptedModel() as after:
        model_id = judged.connect(before.url, key=KEY)
        run_id = judged.start()
        with judged.world.person.scope() as scope:
            update_model(scope, judged.tools, model_id, ModelChanges(base_url=after.url, key=KEY))
        judged.drive(run_id)
        assert before.calls == after.calls == []
    assert "entered for another address" in judged.evaluations(run_id)[0].reason


def test_the_key_is_kept_and_logged_nowhere_even_when_the_server_repeats_it(
    judged: Judged, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    with ScriptedModel(fault="echo") as model:
        judged.connect(model.url, key=KEY)
        run_id = judged.run()
        assert model.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert "••••" in judged.evaluations(run_id)[0].reason
    assert KEY not in caplog.text
    for table in ("evaluation", "metric_version", "model", "audit_entry", "test_result", "test_run"):
        rows = judged.world.ask(f"SELECT to_jsonb(t)::text AS row FROM {table} t")
        assert rows, table
        assert not any(KEY in row.row for row in rows), table


def test_a_metrics_own_model_goes_before_the_projects_default(judged: Judged) -> None:
    with ScriptedModel() as usual, ScriptedModel() as own:
        judged.connect(usual.url)
        chosen = judged.connect(own.url, name="Own")
        with judged.world.person.scope() as scope, scope.atomic() as session:
            session.get(Metric, judged.world.metric_id).model_id = chosen
        judged.run()
        assert (len(usual.calls), len(own.calls)) == (0, 2)


def test_a_run_is_not_started_with_an_archived_judge(judged: Judged) -> None:
    model_id = judged.connect("http://127.0.0.1:9299/v1")
    with judged.world.person.scope() as scope, scope.atomic() as session:
        session.get(Metric, judged.world.metric_id).model_id = model_id
    with judged.world.person.scope() as scope:
        archive_model(scope, model_id)
    with pytest.raises(Invalid, match="“Judge”"):
        judged.start()


def test_one_model_has_no_more_calls_in_flight_than_it_takes(judged: Judged) -> None:
    with ScriptedModel(fault="slow", slow_s=0.05) as model:
        judged.connect(model.url, max_concurrency=1)
        judged.run()
        assert model.script.most_in_flight == 1
        assert len(model.calls) == 2


def test_a_slice_may_take_as_long_as_its_judges(judged: Judged) -> None:
    rung: list[int | None] = []
    judged.connect("http://127.0.0.1:9299/v1", timeout_s=100)
    with judged.world.person.scope() as scope:
        scope._enqueue = lambda _job, _organization, _ids, timeout_s: rung.append(timeout_s)
        new = NewRun(test_set_id=judged.world.test_set_id, endpoint_id=judged.world.endpoint_id)
        start_run(scope, judged.registry, new)
    assert rung == [300 + 5 + (2 * 100 + 30) + 60]


def lending(judged: Judged, url: str) -> Judged:
    """The same on an instance that was started with OPENAI_API_KEY."""
    person = judged.world.person
    settings = replace(person.host.settings, openai_api_key=KEY, openai_base_url=url, openai_model="lent-1")
    return Judged(replace(judged.world, person=replace(person, host=replace(person.host, settings=settings))))


def test_an_instance_with_a_key_lends_its_model_to_a_project_without_one(judged: Judged) -> None:
    with ScriptedModel(key=KEY) as model:
        lent = lending(judged, model.url)
        run_id = lent.run()
        assert {call.body["model"] for call in model.calls} == {"lent-1"}
    assert lent.outcomes(run_id) == {"passed": 1, "failed": 1}
    assert lent.world.ask("SELECT model FROM metric_version")[0].model["id"] is None


def test_a_projects_own_default_goes_before_the_instances(judged: Judged) -> None:
    with ScriptedModel() as own, ScriptedModel() as instance:
        judged.connect(own.url)
        lending(judged, instance.url).run()
        assert (len(own.calls), len(instance.calls)) == (2, 0)


def test_the_instances_key_goes_to_its_own_address_alone(judged: Judged) -> None:
    with ScriptedModel() as before, ScriptedModel() as after:
        run_id = lending(judged, before.url).start()
        moved = lending(judged, after.url)
        moved.drive(run_id)
        assert before.calls == after.calls == []
    assert {one.verdict for one in moved.evaluations(run_id)} == {"error"}


def test_a_key_that_is_kept_back_judges_nothing(judged: Judged) -> None:
    with ScriptedModel() as model:
        run_id = lending(judged, model.url).start()
        judged.drive(run_id)
        assert model.calls == []
    assert "connect one in the project's models" in judged.evaluations(run_id)[0].reason


def test_page_api_and_export_show_what_the_judge_said_and_cost(judged: Judged, alice: Person) -> None:
    with ScriptedModel() as model, offering_tiny(alice.host):
        judged.connect(model.url, key=KEY, prices=PRICES)
        run_id = judged.run()
        opened = next(one for one in judged.evaluations(run_id) if one.verdict == "passed")
        cost = f"{opened.cost.normalize():f}"
        told = alice.api.get(f"/test-results/{opened.result_id}")
        shown = told.json["evaluations"][0]
        assert (shown["model"], shown["cost"], shown["tokens_in"]) == ("scripted", cost, opened.tokens_in)
        assert shown["raw"] == opened.raw
        run = alice.api.get(f"/test-runs/{run_id}")
        assert run.json["metrics"][0]["model"]["base_url"] == model.url
        breakdown = alice.api.get(f"/test-runs/{run_id}/breakdown").json["metrics"][0]
        total = sum(one.cost for one in judged.evaluations(run_id))
        assert breakdown["cost"] == f"{total.normalize():f}"
        slug = judged.world.ask("SELECT slug FROM project")[0].slug
        page = alice.web.get(f"/p/{slug}/runs/1/results/{opened.result_id}")
        assert f"judged by scripted, {opened.tokens_in} tokens in" in page.text
        assert f"${cost}" in page.text
        assert "What the judge said" in page.text
        whole = alice.web.get(f"/p/{slug}/runs/1")
        assert f"Cost endpoint not known · {dollars(breakdown['cost'])} judging" in whole.text
        assert f"Tokens {breakdown['tokens_in'] + breakdown['tokens_out']} judging" in whole.text
        assert "judged by Judge (scripted)" in whole.text
        exported = alice.api.get(f"/test-runs/{run_id}/export?format=json.run")
        assert cost in {one["cost"] for row in exported.json["results"] for one in row["evaluations"]}
        assert not [answer for answer in (told, run, page, whole, exported) if KEY in answer.text]


def test_no_more_tests_are_held_than_their_judge_can_serve_in_time(alice: Person, endpoint: ScriptedEndpoint) -> None:
    world = make_world(alice, endpoint.url, [(f"Is door {number} open?", "yes") for number in range(12)])
    judged = judged_by_tiny(world)
    held: list[int] = []

    def slow(call: Any) -> Any:
        held.append(judged.world.ask("SELECT count(*) FROM work_item WHERE lease_owner IS NOT NULL")[0][0])
        return answers(call)

    endpoint.script = slow
    with ScriptedModel(fault="slow", slow_s=0.02) as model:
        judged.connect(model.url, max_concurrency=1)
        run_id = judged.run()
    assert judged.outcomes(run_id) == {"passed": 12}
    assert max(held) <= 2


def test_a_judge_costs_a_start_one_statement_and_a_slice_another(
    judged: Judged, alice: Person, endpoint: ScriptedEndpoint, statements: Any
) -> None:
    plain = make_world(alice, endpoint.url, TESTS)
    with ScriptedModel() as model:
        judged.connect(model.url)
        counts = []
        for world in (Judged(plain), judged):
            with statements() as seen:
                run_id = world.start()
            counts.append(len(seen))
        with statements() as seen:
            judged.drive(run_id)
    assert counts[1] - counts[0] == 1
    assert len([one for one in seen if re.search(r"FROM model\b(?!_)", one)]) == 1


def test_stored_answers_are_judged_without_asking_the_endpoint(judged: Judged, endpoint: ScriptedEndpoint) -> None:
    with ScriptedModel(key=KEY) as model:
        judged.connect(model.url, key=KEY, prices=PRICES)
        first = judged.run()
        asked = len(endpoint.calls)
        with judged.world.person.scope() as scope:
            again = rescore_answers(scope, judged.registry, Rescore(run_id=first))
        judged.drive(again)
        assert len(model.calls) == 4
        assert len(endpoint.calls) == asked == 2
    before, after = judged.evaluations(first), judged.evaluations(again)
    assert [one.verdict for one in after] == [one.verdict for one in before] == ["failed", "passed"]
    assert [one.cost for one in after] == [one.cost for one in before]
    assert judged.outcomes(again) == {"passed": 1, "failed": 1}
