"""What the conformance kit tries on an evaluator: each trial yields None or a problem."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from rhesis_app.sdk.contracts import (
    Evaluator,
    EvaluatorSpec,
    Need,
    Sample,
    Score,
    ToolCall,
    Turn,
)
from rhesis_app.sdk.judge_trials import ScriptedTools, judge_trials
from rhesis_app.sdk.params import ParamError, json_schema, parse, to_mapping
from rhesis_app.sdk.scales import Scale

Finding = str | None

_BASE = Sample(
    prompt="Which city is the capital of France?",
    output="Paris is the capital of France.",
    turns=(Turn(role="user", text="Which city is the capital of France?"), Turn(role="assistant", text="Paris.")),
    reference="Paris",
    context=("Paris has been the capital of France since 987.",),
    reference_context=("Paris has been the capital of France since 987.",),
    tool_calls=(ToolCall(name="lookup", arguments={"country": "France"}, result="Paris"),),
    metadata={"difficulty": "easy", "tags": ["geography"]},
    latency_ms=812.5,
    tokens_in=12,
    tokens_out=8,
)
_TEXTS = {
    "an empty text": "",
    "white space": " \t\r\n ",
    "control characters": "a\0b\x01\x1b[31m\x7f\u0085",
    "right-to-left text": "\u202eباريس هي العاصمة\u202c",
    "a lone surrogate": "half \ud83d of a pair",
    "letters that change length with case": "ẞ İ ŉ ﬁ",
    "JSON": '{"status": "shipped", "items": [1, 2.5, null, true, "x"]}',
    "deeply nested JSON": "[" * 50_000,
    "a number of many digits": "9" * 20_000,
    "1 MB of text": "Lorem ipsum dolor. " * 55_000,
    "1 MB without a space": "a" * 1_000_000,
}
_WITHOUT: dict[Need, dict[str, Any]] = {
    Need.REFERENCE: {"reference": None},
    Need.CONTEXT: {"context": ()},
    Need.TURNS: {"turns": ()},
    Need.TOOL_CALLS: {"tool_calls": ()},
    Need.LATENCY: {"latency_ms": None},
}


def evaluator_trials(spec: EvaluatorSpec) -> Iterator[Finding]:
    """Params first, then the evaluator they build, on every kind of sample."""
    params = parse(spec.params, spec.example)
    yield _round_trip(spec, params)
    yield _unknown_refused(spec)
    try:
        evaluator = spec.build(params, ScriptedTools())
    except Exception as failure:  # noqa: BLE001 - a plugin may raise anything, and hears of it
        yield f"build raised {failure!r}."
        return
    needs, scale = spec.needs_for(params), spec.scale_for(params)
    for name, sample in _samples():
        yield from (f"on {name}: {problem}" if problem else None for problem in _try(spec, scale, evaluator, sample))
    for need in sorted(needs - {Need.JUDGE}):
        yield _unmet(evaluator, need)
    problem = _outside(scale, _called(evaluator, Sample(prompt="", output="")))
    yield f"on a sample with nothing but empty texts: {problem}" if problem else None
    yield from judge_trials(spec, params, _BASE)
    if spec.deterministic:
        yield _threads_agree(evaluator)


def _round_trip(spec: EvaluatorSpec, params: Any) -> Finding:
    stored = json.loads(json.dumps(to_mapping(params)))
    try:
        again = parse(spec.params, stored)
    except ParamError as failure:
        return f"its own params are refused when read back ({failure})."
    return None if again == params else "its params change when they are stored as JSON and read back."


def _unknown_refused(spec: EvaluatorSpec) -> Finding:
    closed = json_schema(spec.params)["additionalProperties"] is False
    try:
        parse(spec.params, {**spec.example, "no such param": 1})
    except ParamError:
        return None if closed else "its JSON schema allows unknown params."
    return "an unknown param is accepted."


def _samples() -> Iterator[tuple[str, Sample]]:
    yield "an ordinary sample", _BASE
    for name, text in _TEXTS.items():
        yield f"{name} as output", replace(_BASE, output=text)
        yield f"{name} as expected answer", replace(_BASE, reference=text)
        yield f"{name} everywhere", replace(_BASE, prompt=text, output=text, reference=text, context=(text,))
    yield "a latency of zero", replace(_BASE, latency_ms=0.0)


def _try(spec: EvaluatorSpec, scale: Scale, evaluator: Evaluator, sample: Sample) -> Iterator[Finding]:
    before = repr(sample)
    answer = _called(evaluator, sample)
    yield _outside(scale, answer)
    yield None if repr(sample) == before else "it changes the sample."
    if spec.deterministic:
        yield None if _called(evaluator, sample) == answer else "it answers differently the second time."


def _called(evaluator: Evaluator, sample: Sample) -> Any:
    """The answer, or the exception as a value."""
    try:
        return evaluator(sample)
    except Exception as failure:  # noqa: BLE001 - a plugin may raise anything, and hears of it
        return f"it raised {failure!r}"[:300]


def _outside(scale: Scale, answer: Any) -> Finding:
    if isinstance(answer, str):
        return f"{answer}."
    if not isinstance(answer, Score):
        return f"it returned {type(answer).__name__} instead of Score."
    if not answer.is_scored:
        return None if answer.reason else "it is unscored without a reason."
    problem = scale.score_problem(answer.value, answer.label)
    return f"{problem}." if problem else None


def _unmet(evaluator: Evaluator, need: Need) -> Finding:
    answer = _called(evaluator, replace(_BASE, **_WITHOUT[need]))
    if isinstance(answer, Score) and not answer.is_scored:
        return None
    found = answer if isinstance(answer, str) else f"it returned {answer!r}"
    return f"it needs {need}, so a sample without must give Score.unscored(…), but {found}."


def _threads_agree(evaluator: Evaluator) -> Finding:
    samples = [sample for name, sample in _samples() if "1 MB" not in name]
    alone = [_called(evaluator, sample) for sample in samples]
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(partial(_called, evaluator), samples * 2))
    return None if both == alone * 2 else "two threads at once get different answers than one alone."
