"""Judges by criteria: a number, a label, or a yes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plugins.judge.params import Asked, Labelled, Rubric, YesOrNo, needs_of
from plugins.judge.prompts import MAX_ANSWER, rubric_prompt
from rhesis_app.sdk import Binary, Evaluator, EvaluatorSpec, Fences, JudgeAnswerError, Sample, Score, Tools

_REASON = {"type": "string", "description": "Why, in one to three sentences, by the criteria alone."}
_QUOTE = {
    "type": "string",
    "description": "The words of the answer that decide it, copied exactly; empty when none do.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for: the verdict in words, its schema, and how it becomes a score."""

    ask: str
    verdict: Mapping[str, Any]
    score: Callable[[Any, str, Mapping[str, Any]], Score]

    @property
    def schema(self) -> dict[str, Any]:
        """The reason stands before the verdict: a model that writes in order has then thought before it decides."""
        return {
            "type": "object",
            "properties": {"reason": _REASON, "quote": _QUOTE, "verdict": dict(self.verdict)},
            "required": ["reason", "quote", "verdict"],
            "additionalProperties": False,
        }


def ask_judge(tools: Tools, params: Asked, question: Question, sample: Sample) -> Score:
    """One call, one score. Raises JudgeUnavailableError, JudgeAnswerError."""
    prompt = rubric_prompt(params, sample, question.ask, Fences())
    answer = tools.judge(prompt, question.schema).answer
    reason = answer.get("reason")
    return question.score(answer.get("verdict"), reason if isinstance(reason, str) else "", _evidence(answer, sample))


def _evidence(answer: Mapping[str, Any], sample: Sample) -> dict[str, Any]:
    """The words quoted, only if they do stand in the answer, and how much of it was not shown."""
    quote, left_out = answer.get("quote"), len(sample.output) - MAX_ANSWER
    found: dict[str, Any] = {}
    if isinstance(quote, str) and quote.strip() and quote.strip() in sample.output:
        found["quote"] = quote.strip()[:2_000]
    if left_out > 0:
        found["left_out"] = f"{left_out:,} characters from the middle of the answer"
    return found


def numbers(params: Rubric) -> Question:
    """A number from the lowest to the highest score."""

    def score(verdict: Any, reason: str, evidence: Mapping[str, Any]) -> Score:
        if params.scale.score_problem(verdict, None):
            raise JudgeAnswerError
        return Score(float(verdict), None, reason, evidence)

    ask = f"A number from {params.low:g} (worst) to {params.high:g} (best)."
    return Question(ask=ask, verdict={"type": "number", "minimum": params.low, "maximum": params.high}, score=score)


def labels(params: Labelled) -> Question:
    """One of the labels, spelled as it is."""

    def score(verdict: Any, reason: str, evidence: Mapping[str, Any]) -> Score:
        if verdict not in params.labels:
            raise JudgeAnswerError
        return Score(None, str(verdict), reason, evidence)

    ask = "One of these labels, spelled exactly so:\n" + "\n".join(f"- {label}" for label in params.labels)
    return Question(ask=ask, verdict={"type": "string", "enum": list(params.labels)}, score=score)


def yes_or_no(_params: YesOrNo) -> Question:
    """Yes or no."""

    def score(verdict: Any, reason: str, evidence: Mapping[str, Any]) -> Score:
        if verdict not in ("yes", "no"):
            raise JudgeAnswerError
        return Score(1.0 if verdict == "yes" else 0.0, None, reason, evidence)

    ask = "yes when the answer meets the criteria, no when it does not."
    return Question(ask=ask, verdict={"type": "string", "enum": ["no", "yes"]}, score=score)


def _built(question_of: Callable[[Any], Question]) -> Callable[[Any, Tools], Evaluator]:
    def build(params: Asked, tools: Tools) -> Evaluator:
        question = question_of(params)

        def judge(sample: Sample, /) -> Score:
            lacking = sample.lacks(needs_of(params))
            if lacking:
                return Score.unscored(f"The judge is to be shown what is not there: {', '.join(lacking)}.")
            return ask_judge(tools, params, question, sample)

        return judge

    return build


_EXAMPLE = (
    "5: answers the question correctly and says nothing else. 3: correct, with parts missing. 1: wrong, or no answer."
)

RUBRICS = (
    EvaluatorSpec(
        key="judge.rubric",
        title="Score by rubric",
        summary="A model gives the answer a number by your criteria.",
        params=Rubric,
        build=_built(numbers),
        scale=lambda params: params.scale,
        needs=needs_of,
        deterministic=False,
        example={"criteria": _EXAMPLE},
    ),
    EvaluatorSpec(
        key="judge.labels",
        title="Label by rubric",
        summary="A model gives the answer one of your labels.",
        params=Labelled,
        build=_built(labels),
        scale=lambda params: params.scale,
        needs=needs_of,
        deterministic=False,
        example={
            "criteria": "How the answer treats the customer's question.",
            "labels": ["answers", "asks back", "refuses"],
        },
    ),
    EvaluatorSpec(
        key="judge.binary",
        title="Yes or no by criteria",
        summary="A model says whether the answer meets your criteria.",
        params=YesOrNo,
        build=_built(yes_or_no),
        scale=Binary(),
        needs=needs_of,
        deterministic=False,
        example={"criteria": "The answer names a place where the customer gets help from a person."},
    ),
)
