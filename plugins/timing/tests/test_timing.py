"""The latency check."""

import pytest

import plugins.timing
from plugins.timing.evaluators import LATENCY
from rhesis_app.scoring.engine import MetricRecipe, evaluate, prepare
from rhesis_app.sdk import Sample
from rhesis_app.sdk.testing import check_plugin


def test_the_plugin_conforms() -> None:
    assert check_plugin(plugins.timing).evaluators == ("timing.latency",)


@pytest.mark.parametrize(
    ("rule", "latency_ms", "verdict"),
    [
        (None, 5000, "passed"),
        (None, 5000.1, "failed"),
        ({"at_most": 800}, 812, "failed"),
        ({"at_most": 900}, 812, "passed"),
    ],
)
def test_the_rule_is_the_bound(rule: dict[str, float] | None, latency_ms: float, verdict: str) -> None:
    metric = prepare(MetricRecipe(name="Fast", evaluator=LATENCY.key, rule=rule), LATENCY)
    outcome = evaluate(metric, Sample(prompt="?", output="!", latency_ms=latency_ms))
    assert (outcome.verdict, outcome.score) == (verdict, latency_ms)


def test_an_answer_without_a_time_is_left_out() -> None:
    metric = prepare(MetricRecipe(name="Fast", evaluator=LATENCY.key), LATENCY)
    assert not evaluate(metric, Sample(prompt="?", output="!")).applicable
