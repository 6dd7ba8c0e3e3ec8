"""Pass rules: read, decided, put into words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.scoring.outcome import Verdict
from rhesis_app.scoring.rules import (
    AtLeast,
    AtMost,
    HasLabel,
    RuleError,
    decide,
    default_rule,
    describe,
    parse_rule,
    resolve_rule,
    to_mapping,
)
from rhesis_app.sdk import Binary, EvaluatorSpec, Labels, NoParams, Range, Scale, Score

NAMES = Labels(("agrees", "contradicts"), ("agrees",))
LATENCY = Range(low=0, high=None, better="lower", unit="ms")


def spec_with(scale: Scale, rule: dict[str, Any] | None = None) -> EvaluatorSpec:
    return EvaluatorSpec(
        key="x.y",
        title="",
        summary="",
        params=NoParams,
        build=lambda p, t: Score.yes,
        scale=scale,
        default_rule=rule,  # type: ignore[arg-type, return-value]
    )


@pytest.mark.parametrize(
    ("score", "rule", "verdict"),
    [
        (Score.yes(), AtLeast(1), "passed"),
        (Score.no(), AtLeast(1), "failed"),
        (Score.no(), AtMost(0), "passed"),
        (Score.number(0.7), AtLeast(0.7), "passed"),
        (Score.number(0.6999), AtLeast(0.7), "failed"),
        (Score.number(5000), AtMost(5000), "passed"),
        (Score.number(5000.1), AtMost(5000), "failed"),
        (Score.labelled("agrees"), HasLabel(("agrees",)), "passed"),
        (Score.labelled("contradicts"), HasLabel(("agrees",)), "failed"),
        (Score.unscored("cannot tell"), AtLeast(1), "unscored"),
        (Score.unscored("cannot tell"), HasLabel(("agrees",)), "unscored"),
        (Score.number(1), HasLabel(("agrees",)), "unscored"),
    ],
)
def test_a_score_is_decided_by_the_rule(score: Score, rule: Any, verdict: str) -> None:
    assert decide(score, rule) == verdict


@pytest.mark.parametrize("stored", [{"at_least": 0.7}, {"at_most": 1}, {"at_least": 0}])
def test_a_rule_is_stored_as_it_was_read(stored: dict[str, Any]) -> None:
    assert to_mapping(parse_rule(stored, Range())) == stored


def test_labels_are_kept_in_order_and_once() -> None:
    assert parse_rule({"labels": ["contradicts", "agrees", "agrees"]}, NAMES) == HasLabel(("contradicts", "agrees"))


def test_a_rule_for_another_scale_is_refused_with_the_forms_that_fit() -> None:
    with pytest.raises(RuleError, match="labels"):
        parse_rule({"at_least": 1}, NAMES)
    with pytest.raises(RuleError, match="at_least"):
        parse_rule({"labels": ["agrees"]}, Range())


def test_without_a_rule_the_scale_chooses() -> None:
    assert default_rule(Binary()) == AtLeast(1)
    assert default_rule(Range(low=0, high=10)) == AtLeast(5)
    assert default_rule(Range(better="lower")) == AtMost(0.5)
    assert default_rule(NAMES) == HasLabel(("agrees",))
    with pytest.raises(RuleError, match="no end"):
        default_rule(LATENCY)


def test_a_given_rule_comes_before_the_evaluators_and_that_before_the_scales() -> None:
    assert resolve_rule({"at_most": 10}, spec_with(LATENCY, {"at_most": 5000}), LATENCY) == AtMost(10)
    assert resolve_rule(None, spec_with(LATENCY, {"at_most": 5000}), LATENCY) == AtMost(5000)
    assert resolve_rule(None, spec_with(Binary()), Binary()) == AtLeast(1)


def test_a_rule_is_put_into_words() -> None:
    assert describe(AtMost(5000), LATENCY) == "at most 5,000 ms"
    assert describe(AtLeast(0.8), Range()) == "at least 0.8"
    assert describe(AtLeast(1), Binary()) == "yes"
    assert describe(AtMost(0), Binary()) == "no"
    assert describe(HasLabel(("agrees", "silent")), NAMES) == "agrees or silent"


@given(st.floats(0, 1), st.floats(0, 1))
def test_at_least_and_at_most_of_one_bound_both_pass_only_on_the_bound(value: float, bound: float) -> None:
    both = {decide(Score.number(value), AtLeast(bound)), decide(Score.number(value), AtMost(bound))}
    assert (both == {Verdict.PASSED}) == (value == bound)
