"""What a run came to on its page and on a result's, its cap in the form, and where the cap stopped it."""

import re
from decimal import Decimal

import pytest
from sqlalchemy import text

from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.models import TestRun
from tests.factories import Given, MadeRun, RunPlan, make_run
from tests.people import Person

PRICED = Given(prompt="a", tokens_in=900, tokens_out=50, cost=Decimal("0.42"))


def made_by(alice: Person, project: ProjectView, *results: Given, **plan: object) -> MadeRun:
    with alice.scope() as scope:
        return make_run(scope, RunPlan(project_id=project.id, **plan), results)  # type: ignore[arg-type]


def shown(alice: Person, address: str) -> str:
    answer = alice.web.get(f"/p/support-copilot{address}")
    assert answer.status_code == 200, answer.text[:2000]
    return re.sub(r"[ \n\t]+", " ", answer.text)


def test_the_page_says_what_it_cost_and_what_is_not_known(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project, PRICED, Given(prompt="b"), Given(outcome="error"))
    page = shown(alice, "/runs/1")
    assert "Cost $0.42 endpoint (1 answer not known)" in page
    assert "Tokens 950 endpoint" in page
    assert "Stopped at" not in page
    assert "900 in · 50 out · $0.42" in shown(alice, f"/runs/1/results/{made.result_ids[0]}")
    assert "· $" not in shown(alice, f"/runs/1/results/{made.result_ids[1]}")


def test_while_it_goes_on_the_page_counts(alice: Person, project: ProjectView) -> None:
    made_by(alice, project, PRICED, Given(prompt="b", outcome="pending"), is_finished=False)
    assert "Cost $0.42 endpoint" in shown(alice, "/runs/1")


@pytest.mark.parametrize("is_finished", [True, False])
def test_a_run_that_stopped_at_its_cap_says_so(alice: Person, project: ProjectView, is_finished: bool) -> None:
    rest = [Given(prompt=f"p{n}", outcome="error", error_code="cost_cap") for n in range(3)]
    results = [PRICED, *rest, *([] if is_finished else [Given(prompt="z", outcome="pending")])]
    made = made_by(alice, project, *results, is_finished=is_finished, cost_cap=Decimal("0.4"))
    planned = len(results)
    page = shown(alice, "/runs/1")
    assert f"Stopped at its cost cap of $0.40: 3 of {planned} tests not asked." in page
    assert "<dt>Cost cap</dt><dd>$0.40</dd>" in page
    assert ("cost_cap=0.4" in page) is is_finished  # “Run again” begins with the same cap
    assert alice.api.get(f"/test-runs/{made.id}").json["cost"]["not_asked"] == 3


def test_a_cap_is_typed_kept_and_refused_at_its_field(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project, Given())
    form = {
        "key": "k",
        "test_set": str(made.test_set_id),
        "endpoint": str(made.endpoint_id),
        "metric_ids": str(made.metric_ids["Contains the answer"]),
    }
    for cap, said in (("much", "Enter US dollars such as 5.00"), ("5", "cannot be known, so no cap can stop it")):
        refused = alice.web.post("/p/support-copilot/runs", form | {"cost_cap": cap})
        assert refused.status_code == 422
        assert said in refused.text
        assert f'name="cost_cap" value="{cap}" aria-invalid="true"' in refused.text
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(text("UPDATE endpoint SET response_mapping = :m"), {"m": '{"output": "$.r", "cost": "$.c"}'})
    assert alice.web.post("/p/support-copilot/runs", form | {"cost_cap": " $5.00 "}).status_code == 303
    assert alice.count(TestRun, cost_cap=Decimal(5)) == 1
    assert 'name="cost_cap" value="7"' in shown(alice, f"/runs/new?test_set={made.test_set_id}&cost_cap=7")


def test_the_check_shows_what_it_would_cost(alice: Person, project: ProjectView) -> None:
    made = made_by(alice, project, PRICED)
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(text("UPDATE endpoint SET response_mapping = :m"), {"m": '{"output": "$.r", "cost": "$.c"}'})
    form = {
        "test_set": str(made.test_set_id),
        "endpoint": str(made.endpoint_id),
        "metric_ids": str(made.metric_ids["Contains the answer"]),
    }
    assert "<dt>Costs</dt><dd>$0.42</dd>" in alice.web.post("/p/support-copilot/runs/check", form).text
