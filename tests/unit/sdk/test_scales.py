"""Scales: which scores and which rules fit."""

from typing import Any

import pytest

from rhesis_app.sdk import Binary, Labels, Range, Scale

OPEN = Range(low=0, high=None, better="lower", unit="ms")
NAMES = Labels(("agrees", "contradicts", "silent"), ("agrees",))


@pytest.mark.parametrize(
    ("scale", "value", "label"),
    [
        (Binary(), 1.0, None),
        (Binary(), 0, None),
        (Range(), 0.5, None),
        (Range(), 1, None),
        (OPEN, 1e9, None),
        (NAMES, None, "silent"),
        (NAMES, 0.3, "agrees"),
    ],
)
def test_scores_on_the_scale_are_taken(scale: Scale, value: float | None, label: str | None) -> None:
    assert scale.score_problem(value, label) is None


@pytest.mark.parametrize(
    ("scale", "value", "label"),
    [
        (Binary(), 0.5, None),
        (Binary(), None, "yes"),
        (Binary(), 1.0, "yes"),
        (Range(), 1.01, None),
        (Range(), float("nan"), None),
        (Range(), True, None),
        (Range(), "1", None),
        (Range(), 0.5, "good"),
        (OPEN, -1, None),
        (OPEN, float("inf"), None),
        (NAMES, None, "maybe"),
        (NAMES, 1.0, None),
        (NAMES, float("nan"), "agrees"),
    ],
)
def test_scores_off_the_scale_are_named(scale: Scale, value: Any, label: str | None) -> None:
    assert scale.score_problem(value, label)


@pytest.mark.parametrize(
    ("scale", "rule"),
    [
        (Binary(), {"at_least": 1}),
        (Binary(), {"at_most": 0}),
        (Range(), {"at_least": 0.7}),
        (Range(), {"at_most": 0}),
        (OPEN, {"at_most": 5000}),
        (NAMES, {"labels": ["agrees", "silent"]}),
    ],
)
def test_rules_that_fit_are_taken(scale: Scale, rule: Any) -> None:
    assert scale.rule_problem(rule) is None


@pytest.mark.parametrize(
    ("scale", "rule"),
    [
        (Binary(), {"at_least": 0}),
        (Binary(), {"at_most": 1}),
        (Binary(), {"labels": ["yes"]}),
        (Range(), {"at_least": 2}),
        (Range(), {"at_least": "0.7"}),
        (Range(), {"at_least": True}),
        (Range(), {"at_least": float("nan")}),
        (Range(), {"at_least": 0.1, "at_most": 0.9}),
        (Range(), {}),
        (Range(), None),
        (Range(), [0.7]),
        (Range(), {"above": 0.7}),
        (OPEN, {"at_most": -1}),
        (NAMES, {"labels": []}),
        (NAMES, {"labels": "agrees"}),
        (NAMES, {"labels": ["maybe"]}),
        (NAMES, {"labels": [["agrees"]]}),
        (NAMES, {"at_least": 1}),
    ],
)
def test_rules_that_do_not_fit_say_what_would(scale: Scale, rule: Any) -> None:
    problem = scale.rule_problem(rule)
    assert problem
    assert problem.endswith(".")


def test_a_scale_that_makes_no_sense_cannot_be_made() -> None:
    for make in (
        lambda: Range(low=1, high=1),
        lambda: Range(better="sideways"),  # type: ignore[arg-type]
        lambda: Labels((), ()),
        lambda: Labels(("a", "a"), ("a",)),
        lambda: Labels(("a",), ()),
        lambda: Labels(("a",), ("b",)),
    ):
        with pytest.raises(ValueError, match=r"Range|Labels"):
            make()
