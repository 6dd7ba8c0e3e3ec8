"""Is the answer at least as good as the expected one? Asked twice with the places swapped, because places sway judges."""

from typing import Any

from plugins.judge.params import Pairwise, needs_of_pair
from plugins.judge.prompts import pairwise_prompt
from rhesis_app.sdk import Evaluator, EvaluatorSpec, Fences, JudgeAnswerError, Labels, Sample, Score, Tools

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "description": "Why, in one to three sentences, by the criteria alone."},
        "verdict": {"type": "string", "enum": ["A", "B", "equal"]},
    },
    "required": ["reason", "verdict"],
    "additionalProperties": False,
}
_ANSWER_FIRST = {"A": "better", "B": "worse", "equal": "same"}
_ANSWER_LAST = {"A": "worse", "B": "better", "equal": "same"}


def build_pairwise(params: Pairwise, tools: Tools) -> Evaluator:
    """The comparison; two calls for each answer."""

    def pairwise(sample: Sample, /) -> Score:
        lacking = sample.lacks(needs_of_pair(params))
        if lacking:
            return Score.unscored(f"There is nothing to compare with: {', '.join(lacking)} is missing.")
        expected = sample.reference or ""
        first, why_first = _ask(tools, pairwise_prompt(params, sample, (sample.output, expected), Fences()))
        last, why_last = _ask(tools, pairwise_prompt(params, sample, (expected, sample.output), Fences()))
        return decided((_ANSWER_FIRST[first], why_first), (_ANSWER_LAST[last], why_last))

    return pairwise


def decided(first: tuple[str, str], last: tuple[str, str]) -> Score:
    """Both orders agree, or are at least both no loss; else the order decided and not the answer, so it is unscored."""
    words, evidence = {first[0], last[0]}, {"answer_first": first[1][:2_000], "answer_last": last[1][:2_000]}
    if len(words) == 1:
        return Score(None, first[0], first[1], evidence)
    if words == {"better", "same"}:
        return Score(None, "same", f"Better in one order and as good in the other: {first[1]}", evidence)
    swayed = f"The judge found the answer {first[0]} when it stood first and {last[0]} when it stood last."
    return Score(None, None, swayed, evidence)


def _ask(tools: Tools, prompt: str) -> tuple[str, str]:
    answer = tools.judge(prompt, _SCHEMA).answer
    verdict, reason = answer.get("verdict"), answer.get("reason")
    if not isinstance(verdict, str) or verdict not in _ANSWER_FIRST:
        raise JudgeAnswerError
    return verdict, reason if isinstance(reason, str) else ""


PAIRWISE = EvaluatorSpec(
    key="judge.pairwise",
    title="At least as good as expected",
    summary="A model compares the answer with the expected one, in both orders.",
    params=Pairwise,
    build=build_pairwise,
    scale=Labels(("better", "same", "worse"), ("better", "same")),
    needs=needs_of_pair,
    deterministic=False,
)
