"""The judges, asked through a scripted model."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

import plugins.judge
from plugins.judge.pairwise import PAIRWISE, decided
from plugins.judge.rubrics import RUBRICS
from rhesis_app.sdk import (
    EvaluatorSpec,
    JudgeAnswerError,
    Judgement,
    JudgeUnavailableError,
    Need,
    ParamError,
    Sample,
    Score,
    Turn,
)
from rhesis_app.sdk.fences import outside
from rhesis_app.sdk.params import parse
from rhesis_app.sdk.testing import check_plugin

SPECS = {spec.key: spec for spec in (*RUBRICS, PAIRWISE)}
SAMPLE = Sample(prompt="Where is my parcel?", output="It left Graz on Monday.", reference="It left Graz.")
LABELS = {"criteria": "c", "labels": ["good", "bad"]}


class Model:
    """Answers in turn, and keeps what it was asked."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def judge(self, prompt: str, schema: Mapping[str, Any]) -> Judgement:
        self.asked.append((prompt, schema))
        if not self.answers:
            raise JudgeUnavailableError
        return Judgement(answer=self.answers.pop(0), model="scripted")

    def setting(self, name: str) -> str | None:
        return None


def says(verdict: Any, reason: str = "because", quote: str = "") -> dict[str, Any]:
    return {"reason": reason, "quote": quote, "verdict": verdict}


def judged(key: str, model: Model, sample: Sample = SAMPLE, **params: Any) -> Score:
    spec = SPECS[key]
    return spec.build(parse(spec.params, params or spec.example), model)(sample)


def asked(key: str, sample: Sample = SAMPLE, **params: Any) -> str:
    model = Model(says(1))
    judged(key, model, sample, **params)
    return model.asked[0][0]


def test_the_plugin_conforms() -> None:
    assert check_plugin(plugins.judge).evaluators == tuple(SPECS)


@pytest.mark.parametrize(
    ("key", "verdict", "value", "label"),
    [
        ("judge.rubric", 4, 4.0, None),
        ("judge.rubric", 2.5, 2.5, None),
        ("judge.labels", "refuses", None, "refuses"),
        ("judge.binary", "yes", 1.0, None),
        ("judge.binary", "no", 0.0, None),
    ],
)
def test_a_verdict_becomes_a_score_with_its_reason(key: str, verdict: Any, value: Any, label: Any) -> None:
    score = judged(key, Model(says(verdict, "It names the day.", "on Monday")))
    assert (score.value, score.label, score.reason) == (value, label, "It names the day.")
    assert score.evidence == {"quote": "on Monday"}


@pytest.mark.parametrize(
    ("key", "verdict"),
    [
        ("judge.rubric", 6),
        ("judge.rubric", 0),
        ("judge.rubric", "4"),
        ("judge.rubric", True),
        ("judge.rubric", None),
        ("judge.rubric", float("nan")),
        ("judge.labels", "Refuses"),
        ("judge.labels", 1),
        ("judge.labels", ["refuses"]),
        ("judge.binary", "maybe"),
        ("judge.binary", True),
        ("judge.binary", ["yes"]),
        ("judge.pairwise", "C"),
        ("judge.pairwise", ["A"]),
    ],
)
def test_a_verdict_off_the_scale_is_no_score(key: str, verdict: Any) -> None:
    with pytest.raises(JudgeAnswerError):
        judged(key, Model(says(verdict), says(verdict)))


@pytest.mark.parametrize("key", SPECS)
def test_a_judge_that_is_away_is_no_score(key: str) -> None:
    with pytest.raises(JudgeUnavailableError):
        judged(key, Model())


def test_words_that_do_not_stand_in_the_answer_are_no_evidence() -> None:
    assert judged("judge.binary", Model(says("yes", quote="on Tuesday"))).evidence == {}


@pytest.mark.parametrize("key", [spec.key for spec in RUBRICS])
def test_everything_that_others_wrote_stands_in_fences(key: str) -> None:
    sample = Sample(
        prompt="PROMPT",
        output="ANSWER",
        reference="EXPECTED",
        context=("PASSAGE ONE", "PASSAGE TWO"),
        metadata={"note": "METADATA"},
        turns=(
            Turn(role="user", text="EARLIER"),
            Turn(role="user", text="PROMPT"),
            Turn(role="assistant", text="ANSWER"),
        ),
    )
    example = "Answer: EXAMPLE\nVerdict: {}\nWhy: it is\n---\nAnswer: two\nlines\nVerdict: {}\nWhy: it is not"
    verdict = {"judge.rubric": "2", "judge.labels": "good", "judge.binary": "yes"}[key]
    prompt = asked_with(
        key,
        sample,
        **(LABELS if key == "judge.labels" else {"criteria": "CRITERIA"}),
        steps=["STEP"],
        examples=example.format(verdict, verdict),
        show_expected=True,
        show_context=True,
        show_metadata=True,
    )
    own = outside(prompt)
    for word in ("EARLIER", "PROMPT", "ANSWER", "EXPECTED", "PASSAGE ONE", "PASSAGE TWO", "METADATA", "EXAMPLE"):
        assert prompt.count(word) == 1, word
        assert word not in own
    assert "1. STEP" in own
    assert own.count(f"Verdict: {verdict}") == 2


def asked_with(key: str, sample: Sample, **params: Any) -> str:
    spec = SPECS[key]
    model = Model(says({"judge.rubric": 1, "judge.labels": "good", "judge.binary": "yes"}[key]))
    spec.build(parse(spec.params, params), model)(sample)
    return model.asked[0][0]


def test_what_is_not_to_be_shown_is_not_sent() -> None:
    sample = Sample(prompt="p", output="a", reference="SECRET", context=("SECRET",), metadata={"k": "SECRET"})
    assert "SECRET" not in asked("judge.rubric", sample)


def test_the_reason_is_asked_for_before_the_verdict() -> None:
    for spec in SPECS.values():
        model = Model(*[says("equal")] * 2) if spec is PAIRWISE else Model(says(1), says(1))
        with suppress(JudgeAnswerError):
            judged(spec.key, model)
        names = list(model.asked[0][1]["properties"])
        assert names[0] == "reason"
        assert names[-1] == "verdict"


def test_a_huge_answer_is_shown_in_part_and_that_is_said() -> None:
    model = Model(says(1))
    score = judged("judge.rubric", model, Sample(prompt="p", output="x" * 1_000_000))
    assert len(model.asked[0][0]) < 30_000
    assert "characters are left out here" in model.asked[0][0]
    assert score.evidence == {"left_out": "976,000 characters from the middle of the answer"}


def test_many_passages_are_bounded_together() -> None:
    sample = Sample(prompt="p", output="a", context=("long " * 10_000,) * 400)
    assert len(asked("judge.rubric", sample, criteria="c", show_context=True)) < 60_000


@pytest.mark.parametrize(
    ("first", "last", "label"),
    [
        ("A", "B", "better"),
        ("B", "A", "worse"),
        ("equal", "equal", "same"),
        ("A", "equal", "same"),
        ("equal", "B", "same"),
        ("A", "A", None),
        ("B", "B", None),
        ("equal", "A", None),
        ("B", "equal", None),
    ],
)
def test_both_orders_decide_together(first: str, last: str, label: str | None) -> None:
    model = Model(says(first, "one"), says(last, "two"))
    score = judged("judge.pairwise", model)
    assert score.label == label
    assert score.evidence == {"answer_first": "one", "answer_last": "two"}
    assert score.is_scored or "when it stood first" in score.reason
    places = [[prompt.index(text) for text in (SAMPLE.output, "\nIt left Graz.\n")] for prompt, _ in model.asked]
    assert places[0] == sorted(places[0])
    assert places[1] == sorted(places[1], reverse=True)


def test_two_orders_have_two_marks() -> None:
    model = Model(says("A"), says("B"))
    judged("judge.pairwise", model)
    assert len({outside(prompt) for prompt, _ in model.asked}) == 2


def test_a_tie_is_decided_without_a_model() -> None:
    assert decided(("same", "r"), ("same", "s")).label == "same"


@pytest.mark.parametrize(
    ("key", "params", "field"),
    [
        ("judge.rubric", {"criteria": " "}, "criteria"),
        ("judge.rubric", {"criteria": "c" * 20_001}, "criteria"),
        ("judge.rubric", {"criteria": "c", "low": 5, "high": 5}, "high"),
        ("judge.rubric", {"criteria": "c", "examples": "Answer: a\nVerdict: 9\nWhy: w"}, "examples"),
        ("judge.rubric", {"criteria": "c", "examples": "Answer: a\nVerdict: 2"}, "examples"),
        ("judge.rubric", {"criteria": "c", "examples": "just text"}, "examples"),
        (
            "judge.rubric",
            {"criteria": "c", "examples": "---\n".join(["Answer: a\nVerdict: 2\nWhy: w\n"] * 21)},
            "examples",
        ),
        ("judge.labels", {"criteria": "c", "labels": ["one"]}, "labels"),
        ("judge.labels", {"criteria": "c", "labels": ["one", "one"]}, "labels"),
        ("judge.labels", {"criteria": "c", "labels": ["one", "x" * 81]}, "labels"),
        ("judge.labels", {**LABELS, "examples": "Answer: a\nVerdict: ugly\nWhy: w"}, "examples"),
        ("judge.binary", {"criteria": "c", "examples": "Answer: a\nVerdict: maybe\nWhy: w"}, "examples"),
        ("judge.pairwise", {"criteria": " "}, "criteria"),
    ],
)
def test_settings_that_make_no_judge_are_named(key: str, params: dict[str, Any], field: str) -> None:
    with pytest.raises(ParamError) as caught:
        parse(SPECS[key].params, params)
    assert list(caught.value.errors) == [field]


def needs(spec: EvaluatorSpec, **params: Any) -> set[Need]:
    return set(spec.needs_for(parse(spec.params, {**spec.example, **params})))


def test_what_is_shown_is_needed() -> None:
    rubric = SPECS["judge.rubric"]
    assert needs(rubric) == {Need.JUDGE}
    assert needs(rubric, show_expected=True, show_context=True) == {Need.JUDGE, Need.REFERENCE, Need.CONTEXT}
    assert needs(PAIRWISE) == {Need.JUDGE, Need.REFERENCE}


def test_the_scale_follows_the_settings() -> None:
    rubric, labels = SPECS["judge.rubric"], SPECS["judge.labels"]
    assert str(rubric.scale_for(parse(rubric.params, {"criteria": "c", "low": 0, "high": 10}))) == "0 to 10"
    assert labels.scale_for(parse(labels.params, LABELS)).passing == ("good",)
