"""What the conformance kit tries on an evaluator that asks a judge: models that answer, answer anything, or are away."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rhesis_app.sdk.contracts import (
    Evaluator,
    EvaluatorSpec,
    Judgement,
    JudgeUnavailableError,
    Need,
    Sample,
    Score,
    Tools,
)
from rhesis_app.sdk.scales import Scale

Finding = str | None
Answering = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class ScriptedTools:
    """Lends a judge that gives what `answer` makes of the schema, and keeps what it was asked. No model is needed."""

    def __init__(self, answer: Answering | None = None) -> None:
        self.answer = answer or smallest
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    def judge(self, prompt: str, schema: Mapping[str, Any]) -> Judgement:
        """The scripted answer."""
        self.asked.append((prompt, schema))
        return Judgement(answer=self.answer(schema), model="conformance-kit")

    def setting(self, name: str) -> str | None:  # noqa: ARG002 - the protocol's signature
        """Nothing is set."""
        return None


def smallest(schema: Mapping[str, Any]) -> Any:
    """A small value that fits an ordinary JSON Schema: first choice, lower bound, empty text, every property."""
    return _fitting(schema, choice=0, bound="minimum", text="", flag=False)


def largest(schema: Mapping[str, Any]) -> Any:
    """The other end: last choice, upper bound, a text full of traps."""
    return _fitting(schema, choice=-1, bound="maximum", text="half \ud83d\0 " + "x" * 10_000, flag=True)


def _fitting(schema: Mapping[str, Any], *, choice: int, bound: str, text: str, flag: bool) -> Any:
    if schema.get("enum"):
        return schema["enum"][choice]
    kind = schema.get("type", "object")
    if kind == "object":
        return {
            name: _fitting(inner, choice=choice, bound=bound, text=text, flag=flag)
            for name, inner in schema.get("properties", {}).items()
        }
    number = schema.get(bound, 0)
    plain: dict[str, Any] = {"number": number, "integer": number, "boolean": flag, "array": []}
    return plain.get(kind, text)


def judge_trials(spec: EvaluatorSpec, params: Any, sample: Sample) -> Iterator[Finding]:
    """Each kind of judge on one ordinary sample."""
    scale = spec.scale_for(params)
    for name, answer in (("smallest", smallest), ("largest", largest)):
        tools = ScriptedTools(answer)
        problem = _off_scale(scale, _called(spec, params, tools, sample))
        yield f"with a judge that gives the {name} answer: {problem}" if problem else None
        yield _unfit_question(tools)
    yield _undeclared(spec, params, tools)
    if not tools.asked:
        return
    yield _scored_without_answer(_called(spec, params, ScriptedTools(lambda _schema: {}), sample))
    yield _scored_without_judge(_called(spec, params, _NoJudge(), sample))


class _NoJudge(ScriptedTools):
    def judge(self, prompt: str, schema: Mapping[str, Any]) -> Judgement:  # noqa: ARG002 - the protocol's signature
        raise JudgeUnavailableError


def _called(spec: EvaluatorSpec, params: Any, tools: Tools, sample: Sample) -> Any:
    """The score, or the exception as a value."""
    try:
        evaluator: Evaluator = spec.build(params, tools)
        return evaluator(sample)
    except Exception as failure:  # noqa: BLE001 - a plugin may raise anything, and hears of it
        return failure


def _off_scale(scale: Scale, answer: Any) -> Finding:
    if isinstance(answer, Exception):
        return f"it raised {answer!r}."[:300]
    if not isinstance(answer, Score) or not answer.is_scored:
        return None  # what an answer must be is tried elsewhere
    problem = scale.score_problem(answer.value, answer.label)
    return f"{problem}." if problem else None


def _undeclared(spec: EvaluatorSpec, params: Any, tools: ScriptedTools) -> Finding:
    if not tools.asked or Need.JUDGE in spec.needs_for(params):
        return None
    return "it asks a judge and does not declare Need.JUDGE."


def _unfit_question(tools: ScriptedTools) -> Finding:
    for prompt, schema in tools.asked:
        if not isinstance(prompt, str) or not prompt.strip():
            return "it asks a judge with an empty prompt."
        if not isinstance(schema, Mapping) or schema.get("type") != "object" or not _is_json(schema):
            return 'it asks a judge with a schema that is no JSON Schema of {"type": "object"}.'
    return None


def _is_json(schema: Mapping[str, Any]) -> bool:
    try:
        return bool(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError):
        return False


def _scored_without_answer(answer: Any) -> Finding:
    """What it raises then is an error of the evaluation, as it should be."""
    if isinstance(answer, Score) and answer.is_scored:
        return "a judge's empty answer becomes a score: raise JudgeAnswerError when it is none that was asked for."
    return None


def _scored_without_judge(answer: Any) -> Finding:
    if isinstance(answer, Score) and answer.is_scored:
        return "it gives a score while the judge is away."
    if isinstance(answer, Score | JudgeUnavailableError):
        return None
    return f"when the judge is away it must let JudgeUnavailableError through, or be unscored, but: {answer!r}."[:300]
