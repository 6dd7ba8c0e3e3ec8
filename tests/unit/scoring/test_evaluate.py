"""One metric on one sample: whatever a plugin does, an outcome comes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from rhesis_app.scoring.engine import (
    EvaluationOutcome,
    MetricRecipe,
    NoTools,
    clean_text,
    evaluate,
    evaluate_all,
    prepare,
)
from rhesis_app.sdk import Binary, EvaluatorSpec, JudgeUnavailableError, Need, Range, Sample, Scale, Score, param

YES_OR_NO = Binary()
SAMPLE = Sample(prompt="2 + 2?", output="4", reference="4", latency_ms=10)


@dataclass(frozen=True)
class Bound:
    bound: float = param(0.5, help="A bound.")


def spec_of(
    check: Callable[[Sample], Any], *, scale: Scale = YES_OR_NO, needs: Any = frozenset(), **more: Any
) -> EvaluatorSpec:
    return EvaluatorSpec(
        key="demo.check",
        title="Check",
        summary="Checks.",
        params=Bound,
        build=lambda _p, _t: check,
        scale=scale,
        needs=needs,
        **more,
    )


def outcome_of(spec: EvaluatorSpec | None, sample: Sample = SAMPLE, **recipe: Any) -> EvaluationOutcome:
    return evaluate(prepare(MetricRecipe(name="Check", evaluator="demo.check", **recipe), spec), sample)


def fail(_sample: Sample) -> Score:
    raise RuntimeError("the password is hunter2")


def test_a_score_is_decided_and_kept_with_its_reason() -> None:
    outcome = outcome_of(spec_of(lambda _: Score.number(0.9, "close", seen=3), scale=Range()), rule={"at_least": 0.8})
    assert (outcome.verdict, outcome.score, outcome.reason, outcome.evidence) == ("passed", 0.9, "close", {"seen": 3})
    assert outcome.applicable


def test_an_exception_is_an_error_with_the_class_and_never_the_words() -> None:
    outcome = outcome_of(spec_of(fail))
    assert outcome.verdict == "error"
    assert outcome.score is None
    assert "RuntimeError" in outcome.reason
    assert "hunter2" not in repr(outcome)
    assert outcome.evidence["at"].startswith("test_evaluate.py:")


def test_a_bottomless_recursion_is_an_error() -> None:
    def deeper(sample: Sample) -> Score:
        return deeper(sample)

    assert outcome_of(spec_of(deeper)).verdict == "error"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        0.5,
        "passed",
        Score.number(0.5),
        Score.number(2),
        Score.number(float("nan")),
        Score.labelled("good"),
        Score(1.0, None, None),
    ],  # type: ignore[arg-type]
)
def test_an_answer_off_the_scale_is_an_error_and_never_a_failure(answer: Any) -> None:
    outcome = outcome_of(spec_of(lambda _: answer))
    assert outcome.verdict == "error"
    assert outcome.score is None
    assert "promise" in outcome.reason


def test_an_unscored_answer_stays_unscored_and_counts() -> None:
    outcome = outcome_of(spec_of(lambda _: Score.unscored("no idea")))
    assert (outcome.verdict, outcome.reason, outcome.applicable) == ("unscored", "no idea", True)


def test_a_sample_without_what_is_needed_is_left_out_without_asking() -> None:
    outcome = outcome_of(
        spec_of(fail, needs=frozenset({Need.REFERENCE})), Sample(prompt="x", output="y", reference="  ")
    )
    assert (outcome.verdict, outcome.applicable) == ("unscored", False)
    assert "no expected answer" in outcome.reason


def test_needs_may_depend_on_the_params() -> None:
    spec = spec_of(
        lambda _: Score.yes(), needs=lambda params: frozenset({Need.LATENCY}) if params.bound else frozenset()
    )
    bare = Sample(prompt="x", output="y")
    assert not outcome_of(spec, bare).applicable
    assert outcome_of(spec, bare, params={"bound": 0}).verdict == "passed"


def test_a_judge_is_never_missing_from_the_sample() -> None:
    def ask(_sample: Sample) -> Score:
        NoTools().judge("?", {})
        return Score.yes()

    outcome = outcome_of(spec_of(ask, needs=frozenset({Need.JUDGE})))
    assert (outcome.verdict, outcome.applicable) == ("error", True)
    assert "connect one" in outcome.reason
    with pytest.raises(JudgeUnavailableError):
        NoTools().judge("?", {})
    assert NoTools().setting("anything") is None


@pytest.mark.parametrize(
    "recipe", [{"params": {"bound": "high"}}, {"params": {"colour": 1}}, {"rule": {"labels": ["x"]}}]
)
def test_settings_that_no_longer_fit_are_an_error(recipe: dict[str, Any]) -> None:
    outcome = outcome_of(spec_of(lambda _: Score.yes()), **recipe)
    assert outcome.verdict == "error"
    assert "settings" in outcome.reason


def test_a_plugin_that_is_gone_is_an_error() -> None:
    outcome = outcome_of(None)
    assert outcome.verdict == "error"
    assert "demo.check" in outcome.reason


def test_a_build_that_fails_is_an_error_on_every_sample() -> None:
    def build(_params: Any, _tools: Any) -> Any:
        raise OSError("/secret/path")

    spec = EvaluatorSpec(key="demo.check", title="", summary="", params=Bound, build=build, scale=Binary())
    outcome = outcome_of(spec)
    assert outcome.verdict == "error"
    assert "OSError" in outcome.reason
    assert "secret" not in repr(outcome)


def test_an_optional_metric_says_so_in_every_outcome() -> None:
    assert not outcome_of(spec_of(lambda _: Score.yes()), required=False).required
    assert not outcome_of(spec_of(fail), required=False).required
    assert not outcome_of(None, required=False).required


def test_the_time_is_measured_with_the_clock_that_is_given() -> None:
    ticks = iter((10.0, 10.25))
    metric = prepare(MetricRecipe(name="Check", evaluator="demo.check"), spec_of(lambda _: Score.yes()))
    assert evaluate(metric, SAMPLE, clock=lambda: next(ticks)).duration_ms == 250


def test_metrics_keep_their_order() -> None:
    metrics = [
        prepare(MetricRecipe(name="Check", evaluator="demo.check"), spec)
        for spec in (spec_of(fail), spec_of(lambda _: Score.yes()))
    ]
    assert [outcome.verdict for outcome in evaluate_all(metrics, SAMPLE)] == ["error", "passed"]


def test_texts_are_made_fit_for_the_database() -> None:
    outcome = outcome_of(spec_of(lambda _: Score.yes("a\0b \ud83d" + "x" * 10_000)))
    assert "\0" not in outcome.reason
    assert len(outcome.reason) == 4_000
    outcome.reason.encode()


def test_clean_text_leaves_ordinary_text_alone() -> None:
    assert clean_text("Grüße, 👋 عربي") == "Grüße, 👋 عربي"


@pytest.mark.parametrize(
    "evidence", [{"a": object()}, {"a": "\0"}, {"a": float("nan")}, {"a": "x" * 40_000}, None, [1]]
)
def test_evidence_that_cannot_be_stored_is_left_out_and_said(evidence: Any) -> None:
    outcome = outcome_of(spec_of(lambda _: Score(1.0, None, "fine", evidence)))
    assert outcome.verdict == "passed"
    assert set(outcome.evidence) == {"left_out"}


def test_evidence_becomes_plain_json() -> None:
    evidence: Mapping[str, Any] = {"spans": ((1, 2), (3, 4))}
    assert outcome_of(spec_of(lambda _: Score(1.0, None, "", evidence))).evidence == {"spans": [[1, 2], [3, 4]]}
