"""The demonstration's content fits together, and fits the evaluators that are installed."""

from collections import Counter

import pytest

from rhesis_app.authoring.rules.metrics import check_recipe, spec_of
from rhesis_app.authoring.rules.tests import TestContent, check_content
from rhesis_app.demo.rules.requirements import METRICS, REQUIREMENTS, DemoMetric
from rhesis_app.demo.rules.tests import TESTS
from rhesis_app.infra.plugins import load_plugins
from rhesis_app.kernel.registry import Registry
from rhesis_app.sdk import Need


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins(strict=True)


def test_there_is_enough_to_look_at() -> None:
    assert len(REQUIREMENTS) >= 5
    assert len(METRICS) >= 8
    assert len(TESTS) >= 40


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_fits_its_evaluator(registry: Registry, metric: DemoMetric) -> None:
    recipe = check_recipe(spec_of(registry, metric.evaluator), metric.params, metric.rule)
    assert recipe.rule


def test_several_kinds_of_evaluators_are_shown() -> None:
    assert {metric.evaluator.partition(".")[0] for metric in METRICS} == {"text", "structure", "timing", "judge"}


def test_requirements_name_metrics_that_exist_and_no_metric_is_left_over() -> None:
    assert {name for requirement in REQUIREMENTS for name in requirement.metrics} == {metric.name for metric in METRICS}


def test_every_requirement_has_tests_and_every_test_a_requirement() -> None:
    tested = Counter(test.requirement for test in TESTS)
    assert set(tested) == {requirement.name for requirement in REQUIREMENTS}
    assert min(tested.values()) >= 4


def test_names_and_prompts_occur_once() -> None:
    for names in ([metric.name for metric in METRICS], [test.prompt for test in TESTS]):
        assert len(names) == len(set(names))


def test_tests_can_be_stored_as_they_are() -> None:
    for test in TESTS:
        content = TestContent(prompt=test.prompt, expected=test.expected, metadata=test.metadata)
        assert check_content(content) == content


def test_exactly_one_test_cannot_be_decided(registry: Registry) -> None:
    """Every required metric of its requirement needs the expected answer that it lacks: unscored has an example."""
    metrics = {metric.name: metric for metric in METRICS}
    needing = {
        requirement.name
        for requirement in REQUIREMENTS
        if all(
            Need.REFERENCE in check_recipe(spec_of(registry, one.evaluator), one.params, one.rule).needs
            for one in (metrics[name] for name in requirement.metrics)
            if one.required
        )
    }
    assert sum(1 for test in TESTS if test.requirement in needing and test.expected is None) == 1
