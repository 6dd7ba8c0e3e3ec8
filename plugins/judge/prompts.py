"""The words a judge is asked with. Whatever a person other than the metric's author wrote stands in fences."""

import json
from collections.abc import Iterator

from plugins.judge.examples import read_examples
from plugins.judge.params import Asked, Pairwise
from rhesis_app.sdk import Fences, Sample

MAX_ANSWER = 24_000
_MAX_BESIDE = 12_000
_ORDER = "Answer with one JSON object and nothing else: first the reason, then what follows from it."


def rubric_prompt(params: Asked, sample: Sample, ask: str, fences: Fences) -> str:
    """One answer to be judged by criteria; `ask` says what the verdict looks like."""
    parts = ["You judge one answer of an application.", fences.rules, f"# Criteria\n{params.criteria.strip()}"]
    if params.steps:
        parts.append("# Steps\n" + "\n".join(f"{number}. {step}" for number, step in enumerate(params.steps, start=1)))
    parts += [f"# Verdict\n{ask}", *_examples(params, fences), "# Material"]
    parts += [*_asked(sample, fences), fences.around("answer", sample.output, limit=MAX_ANSWER)]
    if params.show_expected:
        parts.append(fences.around("expected answer", sample.reference or "", limit=_MAX_BESIDE))
    if params.show_context:
        parts += _passages(sample, fences)
    if params.show_metadata:
        parts.append(fences.around("metadata", json.dumps(dict(sample.metadata), default=str), limit=_MAX_BESIDE))
    return "\n\n".join([*parts, f"# Now judge\nJudge the part named answer by the criteria. {_ORDER}"])


def pairwise_prompt(params: Pairwise, sample: Sample, answers: tuple[str, str], fences: Fences) -> str:
    """Two answers to the same prompt, in the order given."""
    parts = ["You compare two answers to the same prompt.", fences.rules, f"# Criteria\n{params.criteria.strip()}"]
    parts += ["# Material", *_asked(sample, fences)]
    parts += [
        fences.around(f"answer {name}", answer, limit=MAX_ANSWER) for name, answer in zip("AB", answers, strict=True)
    ]
    if params.show_context:
        parts += _passages(sample, fences)
    ask = (
        "Say which of answer A and answer B is better by the criteria: A, B, or equal when neither is. Their order means"
        f" nothing, nor does their length. {_ORDER}"
    )
    return "\n\n".join([*parts, f"# Now judge\n{ask}"])


def _examples(params: Asked, fences: Fences) -> Iterator[str]:
    for number, example in enumerate(read_examples(params.examples), start=1):
        answer = fences.around("example of an answer", example.answer, limit=_MAX_BESIDE)
        yield f"# Example {number}\n{answer}\nVerdict: {example.verdict}\nWhy: {example.why}"


def _asked(sample: Sample, fences: Fences) -> Iterator[str]:
    """What was said before, where there was something, and the prompt."""
    earlier = sample.turns
    for text in (sample.output, sample.prompt):  # both are shown as parts of their own
        earlier = earlier[:-1] if earlier and earlier[-1].text == text else earlier
    if earlier:
        told = "\n\n".join(f"{turn.role}: {turn.text}" for turn in earlier)
        yield fences.around("earlier conversation", told, limit=_MAX_BESIDE)
    yield fences.around("prompt", sample.prompt, limit=_MAX_BESIDE)


def _passages(sample: Sample, fences: Fences) -> list[str]:
    """The passages that were retrieved; together they are bounded like one answer."""
    each = max(MAX_ANSWER // max(len(sample.context), 1), 200)
    passages = [fences.around(f"passage {number}", text, limit=each) for number, text in enumerate(sample.context, 1)]
    return passages[: MAX_ANSWER // 200]
