"""What the text checks find, in the words a user would expect."""

from typing import Any

import pytest

import plugins.text
from plugins.text.evaluators import EVALUATORS
from rhesis_app.scoring.engine import EvaluationOutcome, MetricRecipe, evaluate, prepare
from rhesis_app.sdk import ParamError, Sample
from rhesis_app.sdk.params import parse
from rhesis_app.sdk.testing import check_plugin

SPECS = {spec.key.removeprefix("text."): spec for spec in EVALUATORS}


def outcome_of(name: str, output: str, reference: str | None = None, **params: Any) -> EvaluationOutcome:
    spec = SPECS[name]
    metric = prepare(MetricRecipe(name=name, evaluator=spec.key, params=params), spec)
    return evaluate(metric, Sample(prompt="?", output=output, reference=reference))


def test_the_plugin_conforms() -> None:
    assert len(check_plugin(plugins.text).evaluators) == 7


@pytest.mark.parametrize(
    ("name", "params", "output", "verdict"),
    [
        ("contains", {"text": "paris"}, "It is PARIS.", "passed"),
        ("contains", {"text": "paris", "case_sensitive": True}, "It is PARIS.", "failed"),
        ("contains", {"text": "two words"}, "of two\n  words.", "passed"),
        ("contains", {"text": "two words", "ignore_spacing": False}, "of two\n  words.", "failed"),
        ("contains", {"text": "no"}, "I know", "passed"),
        ("contains", {"text": "no", "whole_words": True}, "casino", "failed"),
        ("contains", {"text": "no", "whole_words": True}, "nowhere", "failed"),
        ("contains", {"text": "no", "whole_words": True}, "I know: no.", "passed"),
        ("contains", {"text": "straße"}, "STRASSE", "passed"),
        ("contains", {"text": "caf\u00e9"}, "the cafe\u0301", "passed"),
        ("contains", {"text": "."}, "abc", "failed"),
        ("not_contains", {"text": "sorry"}, "Here you are.", "passed"),
        ("not_contains", {"text": "sorry"}, "Sorry!", "failed"),
        ("not_contains", {"text": "ai", "whole_words": True}, "I said so.", "passed"),
        ("equals", {"text": "N"}, " n\n", "passed"),
        ("equals", {"text": "N"}, "No", "failed"),
        ("equals", {"text": "N", "case_sensitive": True}, "n", "failed"),
        ("equals", {"text": "N", "ignore_spacing": False}, "N ", "failed"),
        ("starts_with", {"text": "Y"}, "yes, he was", "passed"),
        ("starts_with", {"text": "Y", "whole_words": True}, "yes, he was", "failed"),
        ("starts_with", {"text": "Y", "whole_words": True}, "Y.", "passed"),
        ("starts_with", {"text": "yes"}, "Oh yes", "failed"),
        ("one_of", {"values": ["11", "eleven"]}, "Eleven", "passed"),
        ("one_of", {"values": ["11", "eleven"]}, "It is eleven", "failed"),
        ("one_of", {"values": ["11", "eleven"], "match": "contains"}, "It is eleven", "passed"),
        ("one_of", {"values": ["11", "eleven"], "match": "contains", "whole_words": True}, "It is 110", "failed"),
        ("one_of", {"values": ["11", "eleven"], "match": "starts with"}, "eleven, I think", "passed"),
        ("regex", {"pattern": r"order-\d{6}"}, "see order-123456", "passed"),
        ("regex", {"pattern": r"order-\d{6}"}, "see ORDER-123456", "failed"),
        ("regex", {"pattern": r"order-\d{6}", "case_sensitive": False}, "see ORDER-123456", "passed"),
        ("regex", {"pattern": r"order-\d{6}", "full_match": True}, "see order-123456", "failed"),
        ("regex", {"pattern": r"\d", "should_match": False}, "none", "passed"),
        ("regex", {"pattern": "größe"}, "die größe", "passed"),
        ("similarity", {"text": "the cat sat"}, "the cat sat", "passed"),
        ("similarity", {"text": "the cat sat"}, "a dog ran", "failed"),
        ("similarity", {"text": "sat the cat", "method": "words in any order"}, "the cat sat", "passed"),
        ("similarity", {"text": "sat the cat"}, "the cat sat", "failed"),
    ],
)
def test_a_text_is_found_or_not(name: str, params: dict[str, Any], output: str, verdict: str) -> None:
    outcome = outcome_of(name, output, **params)
    assert outcome.verdict == verdict, outcome.reason
    assert outcome.reason.endswith(".")


@pytest.mark.parametrize("name", ["contains", "equals", "starts_with", "one_of", "similarity"])
def test_a_text_left_empty_takes_the_expected_answer(name: str) -> None:
    assert outcome_of(name, "Paris", "paris").verdict == "passed"
    assert outcome_of(name, "Rome", "paris").verdict == "failed"
    missing = outcome_of(name, "Paris")
    assert (missing.verdict, missing.applicable) == ("unscored", False)


@pytest.mark.parametrize("name", ["contains", "equals", "starts_with", "similarity"])
def test_a_text_that_is_given_comes_before_the_expected_answer(name: str) -> None:
    assert outcome_of(name, "Paris", "Rome", text="Paris").verdict == "passed"


def test_each_line_of_the_expected_answer_is_acceptable() -> None:
    assert outcome_of("one_of", "eleven", "11\n\n eleven ").evidence == {"matched": " eleven "}


def test_how_alike_two_texts_are_is_a_share() -> None:
    assert outcome_of("similarity", "abcd", text="abxd").score == pytest.approx(0.75)


def test_texts_too_long_to_compare_are_unscored() -> None:
    assert outcome_of("similarity", "x" * 50_001, text="x").verdict == "unscored"


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=x)", "a{2000}"])
def test_a_pattern_re2_does_not_know_is_refused_at_its_field(pattern: str) -> None:
    with pytest.raises(ParamError) as caught:
        parse(SPECS["regex"].params, {"pattern": pattern})
    assert "RE2" in caught.value.errors["pattern"][0]


def test_a_pattern_that_takes_too_much_memory_is_refused() -> None:
    with pytest.raises(ParamError, match="too large"):
        parse(SPECS["regex"].params, {"pattern": r"\pL{1000}"})


def test_a_pattern_that_explodes_elsewhere_does_not_here() -> None:
    assert outcome_of("regex", "a" * 100_000 + "!", pattern="^(a+)+$").verdict == "failed"


def test_a_forbidden_text_and_a_pattern_must_be_given() -> None:
    for name, field in (("not_contains", "text"), ("regex", "pattern")):
        with pytest.raises(ParamError) as caught:
            parse(SPECS[name].params, {})
        assert caught.value.errors == {field: ["Required."]}
