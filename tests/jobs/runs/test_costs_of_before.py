"""Answers of models with prices that were kept before their cost was: the upgrade prices them as they were shown."""

import importlib.util
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, text

from rhesis_app.projects.queries import ProjectView
from tests.factories import Given, RunPlan, make_run
from tests.people import Person

MIGRATION = Path(__file__).parents[3] / "migrations/versions/0017_costs.py"
PRICES = '{"input_per_million": "2.5", "output_per_million": "10", "currency": "USD"}'


def priced() -> str:
    spec = importlib.util.spec_from_file_location("costs", MIGRATION)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.PRICED)


def test_the_upgrade_prices_answers_of_models_and_nothing_else(
    alice: Person, project: ProjectView, superuser: Engine
) -> None:
    given = [Given(prompt="a", tokens_in=100, tokens_out=25), Given(prompt="b", tokens_in=100), Given(outcome="error")]
    with alice.scope() as scope:
        asked = make_run(scope, RunPlan(project_id=project.id), given)
        plan = RunPlan(project_id=project.id, kind="rescore", parent_run_id=asked.id, same_tests=True)
        copied = make_run(scope, plan, given)
        plain = make_run(scope, RunPlan(project_id=project.id), given)
    with superuser.connect() as connection:
        connection.execute(
            text(
                "UPDATE test_run SET endpoint_snapshot = endpoint_snapshot || jsonb_build_object('chat',"
                " jsonb_build_object('prices', CAST(:prices AS jsonb))) WHERE id <> :plain"
            ),
            {"prices": PRICES, "plain": plain.id},
        )
        connection.exec_driver_sql(priced())
        found = connection.execute(text("SELECT run_id, cost FROM test_result WHERE cost IS NOT NULL")).all()
    assert [tuple(row) for row in found] == [(asked.id, Decimal("0.0005"))]
    assert copied.id != asked.id
