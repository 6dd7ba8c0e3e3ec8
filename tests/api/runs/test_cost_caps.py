"""`cost_cap` at the start of a run, and what a run's cost is made of."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestRun
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person


@pytest.fixture
def made(alice: Person, project: ProjectView) -> MadeRun:
    """A run that is over, of an endpoint whose answers tell their cost."""
    given = [Given(prompt=f"p{n}", tokens_in=100, tokens_out=10, cost=Decimal("0.002")) for n in range(3)]
    with alice.scope() as scope:
        made = make_run(scope, RunPlan(project_id=project.id), [*given, Given(prompt="p3"), Given(outcome="error")])
        with scope.atomic() as session:
            session.execute(
                text("UPDATE endpoint SET response_mapping = :m"), {"m": '{"output": "$.r", "cost": "$.c"}'}
            )
    return made


def body(made: MadeRun, **more: Any) -> dict[str, Any]:
    metrics = [str(one) for one in made.metric_ids.values()]
    return {"endpoint_id": str(made.endpoint_id), "metric_ids": metrics, **more}


def test_a_cap_stands_with_the_run_and_is_part_of_what_is_asked_for(alice: Person, made: MadeRun) -> None:
    here, key = f"/test-sets/{made.test_set_id}/runs", {"Idempotency-Key": "once"}
    started = alice.api.post(here, body(made, cost_cap="5.00"), headers=key)
    assert started.status_code == 202, started.text
    assert (started.json["cost"]["cap"], started.json["cost"]["endpoint"]) == ("5", None)
    assert alice.api.post(here, body(made, cost_cap=5), headers=key).json["id"] == started.json["id"]
    assert alice.api.post(here, body(made, cost_cap="6"), headers=key).status_code == 409
    assert alice.api.post(here, body(made), headers=key).status_code == 409


@pytest.mark.parametrize("cap", ["0", "-1", "much", "NaN", True, "0.0000001"])
def test_a_cap_that_is_no_amount_is_refused(alice: Person, made: MadeRun, cap: Any) -> None:
    answer = alice.api.post(f"/test-sets/{made.test_set_id}/runs", body(made, cost_cap=cap))
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["cost_cap"])
    assert alice.count(TestRun) == 1


def test_a_cap_on_an_endpoint_without_prices_is_refused_with_what_to_set(alice: Person, made: MadeRun) -> None:
    assert alice.api.patch(f"/endpoints/{made.endpoint_id}", {"response_mapping": {"output": "$.r"}}).status_code == 200
    answer = alice.api.post(f"/test-sets/{made.test_set_id}/runs", body(made, cost_cap="5"))
    assert answer.status_code == 422
    assert "Give the endpoint prices and map its token counts" in answer.json["errors"]["cost_cap"][0]


def test_an_ended_run_has_its_cost_in_lists_too(alice: Person, made: MadeRun) -> None:
    cost = alice.api.get(f"/test-runs/{made.id}").json["cost"]
    assert (cost["endpoint"], cost["unpriced"], cost["tokens_in"], cost["tokens_out"]) == ("0.006", 1, 300, 30)
    assert alice.api.get("/test-runs").json[0]["cost"] == cost
    assert alice.api.get(f"/test-results/{made.result_ids[0]}").json["cost"] == "0.002"
    assert alice.api.get(f"/test-results/{made.result_ids[3]}").json["cost"] is None


def test_while_it_goes_on_its_cost_is_counted_when_it_is_asked_for(alice: Person, project: ProjectView) -> None:
    given = [Given(prompt="a", tokens_in=1, cost=Decimal("0.5")), Given(prompt="b", outcome="pending")]
    with alice.scope() as scope:
        going = make_run(scope, RunPlan(project_id=project.id, is_finished=False), given)
    assert alice.api.get(f"/test-runs/{going.id}").json["cost"]["endpoint"] == "0.5"
    assert alice.api.get("/test-runs").json[0]["cost"] is None


def test_a_review_changes_nothing_of_the_cost(alice: Person, made: MadeRun) -> None:
    before = alice.api.get(f"/test-runs/{made.id}").json["cost"]
    assert alice.api.post(f"/test-results/{made.result_ids[0]}/reviews", {"verdict": "failed"}).status_code == 201
    assert alice.api.get(f"/test-runs/{made.id}").json["cost"] == before


def test_a_rescore_pays_for_no_answer(alice: Person, project: ProjectView, made: MadeRun) -> None:
    copied = [Given(prompt=f"p{n}", tokens_in=100, tokens_out=10) for n in range(3)]
    with alice.scope() as scope:
        plan = RunPlan(project_id=project.id, kind="rescore", parent_run_id=made.id, same_tests=True)
        again = make_run(scope, plan, copied)
    cost = alice.api.get(f"/test-runs/{again.id}").json["cost"]
    assert (cost["endpoint"], cost["unpriced"], cost["tokens_in"]) == (None, 0, None)


@pytest.mark.parametrize(("key", "heads"), [("csv.results", "cost_usd"), ("json.run", '"cost": "0.002"')])
def test_exports_carry_the_cost(alice: Person, made: MadeRun, key: str, heads: str) -> None:
    exported = alice.api.get(f"/test-runs/{made.id}/export?format={key}").get_data(as_text=True)
    assert heads in exported
    assert exported.count("0.002") == 3
