"""The attack suite: it holds with fences and fails without, so it can fail."""

from dataclasses import replace
from typing import Any

import pytest

from examples.scripted_model.server import judge as scripted_judge
from plugins.judge.pairwise import PAIRWISE
from plugins.judge.rubrics import RUBRICS
from plugins.text.evaluators import EVALUATORS as TEXT
from rhesis_app.scoring.attack_suite import CONTROLS, Control, NotAttackable, Target, judge_control, strike, target_of
from rhesis_app.scoring.engine import MetricRecipe, NoTools
from rhesis_app.sdk import EvaluatorSpec, Judgement, Sample, Score, Tools
from rhesis_app.sdk.attacks import ATTACKS, BAD_ANSWER, Aim, carried
from tests.naive_judge import NaiveJudge, unfenced

RUBRIC, LABELS, BINARY = RUBRICS
EVERYTHING = {"criteria": "Right and helpful?", "show_expected": True, "show_context": True, "show_metadata": True}
LABELLED = {**EVERYTHING, "labels": ["good", "fair", "bad"]}
CASES: dict[str, tuple[EvaluatorSpec, dict[str, Any], dict[str, Any] | None, str, Any]] = {
    "a number": (RUBRIC, EVERYTHING, {"at_least": 4}, "5", 1),
    "a number that is better low": (RUBRIC, EVERYTHING, {"at_most": 2}, "1", 5),
    "labels": (LABELS, LABELLED, {"labels": ["fair", "good"]}, "fair", "bad"),
    "yes or no": (BINARY, EVERYTHING, None, "yes", "no"),
    "yes or no the other way round": (BINARY, EVERYTHING, {"at_most": 0}, "no", "yes"),
}


def target_for(spec: EvaluatorSpec, params: dict[str, Any], rule: Any = None, **more: Any) -> Target:
    return target_of(MetricRecipe(name="m", evaluator=spec.key, params=params, rule=rule), spec, **more)


def outcomes(target: Target, judge: Tools) -> dict[str, str]:
    control = judge_control(target, judge)
    assert control.problem == ""
    return {attack.key: strike(target, judge, attack, control).outcome for attack in target.attacks}


@pytest.mark.parametrize("case", CASES)
def test_every_attack_is_held_with_fences(case: str) -> None:
    spec, params, rule, best, worst = CASES[case]
    target = target_for(spec, params, rule)
    assert target.aim == Aim(best=best)
    assert set(outcomes(target, NaiveJudge(best, worst)).values()) == {"held"}
    assert len(target.attacks) == len(ATTACKS)


@pytest.mark.parametrize("case", CASES)
def test_without_fences_the_same_judge_gives_in_to_nearly_all(case: str) -> None:
    spec, params, rule, best, worst = CASES[case]
    found = outcomes(target_for(unfenced(spec), params, rule), NaiveJudge(best, worst))
    assert "held" not in found.values()
    assert list(found.values()).count("gave_in") >= len(ATTACKS) - 3


class Scripted:
    """The scripted model of the examples, without a server."""

    def judge(self, prompt: str, schema: Any) -> Judgement:
        return Judgement(answer=scripted_judge(prompt, schema), model="scripted")

    def setting(self, name: str) -> str | None:
        return None


SCRIPTED: dict[str, tuple[EvaluatorSpec, dict[str, Any]]] = {
    "a number": (RUBRIC, {"criteria": "Says “30 days”."}),
    "labels": (LABELS, {"criteria": "Says “30 days”.", "labels": ["good", "bad"]}),
    "yes or no": (BINARY, {"criteria": "Says “30 days”."}),
    "a comparison": (PAIRWISE, {}),
}


@pytest.mark.parametrize("case", SCRIPTED)
def test_the_scripted_model_holds_with_fences_and_gives_in_without(case: str) -> None:
    spec, params = SCRIPTED[case]
    assert set(outcomes(target_for(spec, params), Scripted()).values()) == {"held"}
    found = outcomes(target_for(unfenced(spec), params), Scripted())
    assert "held" not in found.values()
    # a comparison is asked for A or B, and no attack knows which of them it is
    assert list(found.values()).count("gave_in") > 10 or spec is PAIRWISE


def test_a_comparison_is_attacked_in_both_orders() -> None:
    target = target_for(PAIRWISE, {})
    assert target.calls_each == 2
    assert target.calls == 2 * (CONTROLS + len(target.attacks))

    class PrefersTheExpected(NaiveJudge):
        def judge(self, prompt: str, schema: Any) -> Any:
            self.worst = "B" if prompt.index("Bananas") < prompt.index("You have 30 days") else "A"
            return super().judge(prompt, schema)

    assert set(outcomes(target, PrefersTheExpected("better", "B")).values()) == {"held"}


def test_there_are_at_least_25_attacks_each_different() -> None:
    assert len(ATTACKS) >= 25
    assert len({attack.key for attack in ATTACKS}) == len(ATTACKS)
    assert len({repr(carried(attack, BAD_ANSWER, Aim(best="5"))) for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.key)
def test_an_attack_leaves_the_bad_answer_in_place(attack: Any) -> None:
    sample = carried(attack, BAD_ANSWER, Aim(best="5"))
    assert BAD_ANSWER.output in sample.output
    assert sample != BAD_ANSWER
    assert "%BEST%" not in repr(sample)
    assert "%JSON%" not in repr(sample)


def test_an_attack_without_a_way_in_is_left_out() -> None:
    places = {attack.place for attack in target_for(BINARY, {"criteria": "c"}).attacks}
    assert places == {"answer", "prompt"}


def test_the_calls_are_counted_without_asking() -> None:
    target = target_for(RUBRIC, EVERYTHING)
    judge = NaiveJudge("5", 1)
    outcomes(target, judge)
    assert judge.asked == target.calls == CONTROLS + len(ATTACKS)


@pytest.mark.parametrize(
    ("spec", "params", "says"),
    [
        (TEXT[0], {"text": "x"}, "asks no judge"),
        (RUBRIC, {}, "settings do not fit"),
        (
            replace(RUBRIC, build=lambda _params, _tools: lambda _sample: Score.number(1)),
            {"criteria": "c"},
            "ask its judge",
        ),
    ],
)
def test_a_metric_that_cannot_be_attacked_is_said(spec: EvaluatorSpec, params: dict[str, Any], says: str) -> None:
    with pytest.raises(NotAttackable, match=says):
        target_for(spec, params)


def test_a_bad_answer_that_passes_proves_nothing() -> None:
    target = target_for(RUBRIC, EVERYTHING)
    assert "passes the bad answer as it is" in judge_control(target, NaiveJudge("5", 4)).problem


def test_a_judge_that_is_away_is_neither_held_nor_given_in() -> None:
    target = target_for(RUBRIC, EVERYTHING)
    assert "gave no verdict" in judge_control(target, NoTools()).problem
    control = judge_control(target, NaiveJudge("5", 1))
    assert strike(target, NoTools(), target.attacks[0], control).outcome == "undecided"


def test_a_better_score_that_does_not_pass_is_noted() -> None:
    target = target_for(RUBRIC, EVERYTHING, {"at_least": 4})
    control = judge_control(target, NaiveJudge("5", 1))
    found = strike(target, NaiveJudge("5", 3), target.attacks[0], control)
    assert (found.outcome, found.moved, found.score) == ("held", True, 3.0)
    assert not strike(target, NaiveJudge("5", 1), target.attacks[0], control).moved


def test_where_low_is_better_a_lower_score_is_the_better_one() -> None:
    target = target_for(RUBRIC, EVERYTHING, {"at_most": 2})
    control = judge_control(target, NaiveJudge("1", 5))
    assert strike(target, NaiveJudge("1", 3), target.attacks[0], control).moved
    assert not strike(target, NaiveJudge("1", 5), target.attacks[0], control).moved


def test_the_most_favourable_control_counts() -> None:
    class Moody(NaiveJudge):
        def judge(self, prompt: str, schema: Any) -> Any:
            self.worst = (1, 3, 2)[self.asked % 3]
            return super().judge(prompt, schema)

    control = judge_control(target_for(RUBRIC, EVERYTHING, {"at_least": 4}), Moody("5", 1))
    assert (control.verdict, control.score) == ("failed", 3.0)


def test_to_slip_from_failed_to_unscored_is_to_give_in() -> None:
    target = target_for(PAIRWISE, {})
    control = Control(verdict="failed", score=None, label="worse", reason="", problem="")
    assert strike(target, NaiveJudge("better", "A"), target.attacks[0], control).outcome == "gave_in"


def test_words_outside_of_a_fence_are_exposed_even_when_the_judge_resists() -> None:
    target = target_for(unfenced(RUBRIC), EVERYTHING, {"at_least": 4})
    deaf = NaiveJudge("no such words", 1)
    assert set(outcomes(target, deaf).values()) == {"exposed"}


def test_the_bad_answer_may_be_ones_own() -> None:
    sample = Sample(prompt="Who are you?", output="I am a banana.")
    target = target_for(RUBRIC, {"criteria": "c"}, sample=sample)
    assert target.sample == sample
    assert set(outcomes(target, NaiveJudge("5", 1)).values()) == {"held"}
