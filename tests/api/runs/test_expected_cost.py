"""What a run is expected to cost, told by the runs before it."""

from decimal import Decimal
from typing import Any

from examples.scripted_model.server import ScriptedModel
from rhesis_app.endpoints.models import Endpoint
from rhesis_app.projects.queries import ProjectView
from tests.api.runs.test_preflights import judged_world
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.jobs.runs.test_judging import Judged
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply
from tests.tiny_judge import offering_tiny


def estimate(alice: Person, made: MadeRun, **wanted: Any) -> Any:
    body = {"test_set_id": str(made.test_set_id), "endpoint_id": str(made.endpoint_id), "call": False, **wanted}
    return alice.api.post("/preflights", body).json["estimate"]


def earlier_runs(alice: Person, project: ProjectView, *tokens: int) -> MadeRun:
    with alice.scope() as scope:
        for count in tokens:
            given = [Given(prompt=f"p{n}", tokens_in=count, tokens_out=count) for n in range(10)]
            made = make_run(scope, RunPlan(project_id=project.id), [*given, Given(outcome="error")])
    return made


def test_tokens_of_the_latest_runs_are_priced_as_of_today(alice: Person, project: ProjectView) -> None:
    made = earlier_runs(alice, project, 100, 300)
    without = estimate(alice, made)
    assert (without["cost"], without["currency"]) == (None, None)
    assert "it has no prices, and its answers tell no cost" in " ".join(without["notes"])
    prices = {"input_per_million": "1", "output_per_million": "9"}
    assert alice.api.patch(f"/endpoints/{made.endpoint_id}", {"prices": prices}).status_code == 200
    found = estimate(alice, made, trials=2)
    tests = found["calls"] / 2
    assert found["cost"] == [f"{Decimal(str(tests)) * 2 * Decimal(per):f}".rstrip("0") for per in ("0.001", "0.003")]
    assert found["currency"] == "USD"
    assert "from the latest 2 runs of this endpoint" in " ".join(found["notes"])


def test_an_endpoint_that_tells_its_cost_is_taken_at_its_word(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        given = [Given(prompt=f"p{n}", tokens_in=5, tokens_out=5, cost=Decimal("0.5")) for n in range(4)]
        made = make_run(scope, RunPlan(project_id=project.id), given)
        with scope.atomic() as session:
            row = session.get(Endpoint, made.endpoint_id)
            assert row is not None
            row.response_mapping, row.price_input, row.price_output = (
                {"output": "$.r", "cost": "$.c"},
                Decimal(1),
                Decimal(1),
            )
    assert estimate(alice, made)["cost"] == ["2", "2"]


def test_without_an_earlier_run_nothing_is_made_up(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id, is_finished=False), [Given(outcome="pending")])
    prices = {"input_per_million": "1", "output_per_million": "9"}
    assert alice.api.patch(f"/endpoints/{made.endpoint_id}", {"prices": prices}).status_code == 200
    found = estimate(alice, made)
    assert found["cost"] is None
    assert "No earlier run of this endpoint tells what an answer costs." in found["notes"]


def test_judging_is_told_by_earlier_judgements(alice: Person) -> None:
    answers = ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"}))
    with offering_tiny(alice.host), answers as server, ScriptedModel() as model:
        world = judged_world(alice, server.url, model.url)
        wanted = {"test_set_id": str(world.test_set_id), "endpoint_id": str(world.endpoint_id), "call": False}
        before = alice.api.post("/preflights", wanted).json["estimate"]
        assert before["cost"] is None
        assert "What judging by “Contains the expected answer” costs is not known yet" in " ".join(before["notes"])
        Judged(world).run()
        (one,) = world.ask("SELECT avg(tokens_in) AS i, avg(tokens_out) AS o, count(*) AS n FROM evaluation")
        (judge,) = alice.api.get("/models").json
        prices = {"input_per_million": "2", "output_per_million": "4"}
        assert alice.api.patch(f"/models/{judge['id']}", {"prices": prices}).status_code == 200
        after = alice.api.post("/preflights", {**wanted, "trials": 5}).json["estimate"]
    total = (one.i * 2 + one.o * 4) / 1_000_000 * one.n * 5
    assert abs(Decimal(after["cost"][0]) - total) <= Decimal("0.000001")
    assert after["cost"][0] == after["cost"][1]
    assert "it has no prices" in " ".join(after["notes"])


def test_a_check_says_what_a_start_would_say_of_the_cap(alice: Person, project: ProjectView) -> None:
    made = earlier_runs(alice, project, 100)
    body = {"test_set_id": str(made.test_set_id), "endpoint_id": str(made.endpoint_id), "call": False}

    def said(**more: Any) -> Any:
        checks = alice.api.post("/preflights", {**body, **more}).json["checks"]
        return [(one["status"], one["message"]) for one in checks if one["check"] == "cost_cap"]

    assert said() == []
    ((status, message),) = said(cost_cap="5")
    assert (status, "cannot be known, so no cap can stop it" in message) == ("failed", True)
    mapping = {"output": "$.r", "cost": "$.c"}
    assert alice.api.patch(f"/endpoints/{made.endpoint_id}", {"response_mapping": mapping}).status_code == 200
    assert said(cost_cap="5") == [("passed", "The run stops when its known cost has reached $5.00.")]
    assert said(cost_cap="0")[0][0] == "failed"


def test_a_priced_judge_is_enough_for_a_cap(alice: Person) -> None:
    answers = ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"}))
    with offering_tiny(alice.host), answers as server, ScriptedModel() as model:
        world = judged_world(alice, server.url, model.url)
        wanted = {"test_set_id": str(world.test_set_id), "endpoint_id": str(world.endpoint_id), "call": False}
        (judge,) = alice.api.get("/models").json

        def status() -> str:
            checks = alice.api.post("/preflights", {**wanted, "cost_cap": "5"}).json["checks"]
            return next(str(one["status"]) for one in checks if one["check"] == "cost_cap")

        assert status() == "failed"
        prices = {"input_per_million": "2", "output_per_million": "4"}
        assert alice.api.patch(f"/models/{judge['id']}", {"prices": prices}).status_code == 200
        assert status() == "passed"
