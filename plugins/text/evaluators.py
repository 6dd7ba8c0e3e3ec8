"""The text checks: pure functions of params and sample."""

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from plugins.text.params import (
    Contains,
    Equals,
    NotContains,
    OneOf,
    Regex,
    Similarity,
    StartsWith,
    needs_reference_without_text,
    needs_reference_without_values,
)
from rhesis_app.sdk import Binary, Evaluator, EvaluatorSpec, Range, Sample, Score, Tools

_NO_TEXT = "The metric names no text, and the test has no expected answer."
# comparing takes the product of both lengths: 50,000 characters each take about 0.1 s
_MAX_COMPARED = 50_000


class _Folding(Protocol):
    @property
    def case_sensitive(self) -> bool: ...

    @property
    def ignore_spacing(self) -> bool: ...


def fold(text: str, params: _Folding) -> str:
    """`text` as it is compared: letters composed, and case and spacing evened out unless they count."""
    if not params.case_sensitive:
        text = text.casefold()
    if params.ignore_spacing:
        text = " ".join(text.split())
    return unicodedata.normalize("NFC", text)


def quote(text: str) -> str:
    """`text` as a short quotation for a sentence."""
    flat = " ".join(text.split())
    return f"“{flat if len(flat) <= 80 else flat[:79] + '…'}”"


def position(text: str, wanted: str, *, whole_words: bool) -> int:
    """Where `wanted` first stands in `text`, or -1."""
    at = text.find(wanted)
    while whole_words and at >= 0 and not _stands_alone(text, at, at + len(wanted)):
        at = text.find(wanted, at + 1)
    return at


def _stands_alone(text: str, start: int, end: int) -> bool:
    joined_before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    joined_after = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not (joined_before or joined_after)


def begins(text: str, wanted: str, *, whole_words: bool) -> bool:
    """Whether `text` opens with `wanted`."""
    return text.startswith(wanted) and (not whole_words or _stands_alone(text, 0, len(wanted)))


def _wanted(given: str, sample: Sample) -> str:
    """The text to hold the answer against, empty when there is none."""
    text = given if given.strip() else sample.reference or ""
    return text if text.strip() else ""


def contains(params: Contains, sample: Sample, /) -> Score:
    """Whether the wanted text stands in the answer."""
    wanted = _wanted(params.text, sample)
    if not wanted:
        return Score.unscored(_NO_TEXT)
    found = position(fold(sample.output, params), fold(wanted, params), whole_words=params.whole_words) >= 0
    return Score.of(found, f"The answer {'contains' if found else 'does not contain'} {quote(wanted)}.")


def not_contains(params: NotContains, sample: Sample, /) -> Score:
    """Whether the forbidden text is absent from the answer."""
    found = position(fold(sample.output, params), fold(params.text, params), whole_words=params.whole_words) >= 0
    return Score.of(not found, f"The answer {'contains' if found else 'does not contain'} {quote(params.text)}.")


def equals(params: Equals, sample: Sample, /) -> Score:
    """Whether the answer is the wanted text."""
    wanted = _wanted(params.text, sample)
    if not wanted:
        return Score.unscored(_NO_TEXT)
    same = fold(sample.output, params) == fold(wanted, params)
    if same:
        return Score.yes(f"The answer is {quote(wanted)}.")
    return Score.no(f"The answer is {quote(sample.output)}, not {quote(wanted)}.")


def starts_with(params: StartsWith, sample: Sample, /) -> Score:
    """Whether the answer opens with the wanted text."""
    wanted = _wanted(params.text, sample)
    if not wanted:
        return Score.unscored(_NO_TEXT)
    opens = begins(fold(sample.output, params), fold(wanted, params), whole_words=params.whole_words)
    if opens:
        return Score.yes(f"The answer begins with {quote(wanted)}.")
    return Score.no(f"The answer begins with {quote(sample.output[:200])}, not with {quote(wanted)}.")


def one_of(params: OneOf, sample: Sample, /) -> Score:
    """Whether the answer fits one of the acceptable texts."""
    given = [value for value in params.values if value.strip()]
    values = given or [line for line in (sample.reference or "").splitlines() if line.strip()]
    if not values:
        return Score.unscored("The metric names no acceptable texts, and the test has no expected answer.")
    answer = fold(sample.output, params)
    for value in values:
        if _fits(answer, fold(value, params), params):
            return Score.yes(f"The answer fits {quote(value)}.", matched=value)
    return Score.no(f"The answer {quote(sample.output)} fits none of the {len(values)} acceptable texts.")


def _fits(answer: str, value: str, params: OneOf) -> bool:
    if params.match == "contains":
        return position(answer, value, whole_words=params.whole_words) >= 0
    if params.match == "starts with":
        return begins(answer, value, whole_words=params.whole_words)
    return answer == value


def build_regex(params: Regex, _tools: Tools) -> Evaluator:
    """The pattern check, compiled once."""
    compiled = params.compiled()
    look = compiled.fullmatch if params.full_match else compiled.search

    def regex(sample: Sample, /) -> Score:
        # RE2 reads UTF-8, which has no place for half of a surrogate pair
        matches = look(sample.output.encode("utf-8", "replace")) is not None
        reason = f"The answer {'matches' if matches else 'does not match'} {quote(params.pattern)}."
        return Score.of(matches == params.should_match, reason)

    return regex


def build_similarity(params: Similarity, _tools: Tools) -> Evaluator:
    """The closeness of two texts from 0 to 1: shared characters in order, twice over the sum of both lengths."""
    from rapidfuzz.distance import Indel  # noqa: PLC0415 - its import takes longer than all other text checks together

    def ordered(text: str) -> str:
        folded = fold(text, params)
        return folded if params.method == "characters" else " ".join(sorted(folded.split()))

    def similarity(sample: Sample, /) -> Score:
        wanted = _wanted(params.text, sample)
        if not wanted:
            return Score.unscored(_NO_TEXT)
        if max(len(wanted), len(sample.output)) > _MAX_COMPARED:
            return Score.unscored(f"Texts of more than {_MAX_COMPARED:,} characters are not compared.")
        value = Indel.normalized_similarity(ordered(sample.output), ordered(wanted))
        return Score.number(value, f"{value:.0%} alike with {quote(wanted)}.")

    return similarity


def _built(check: Callable[[Any, Sample], Score]) -> Callable[[Any, Tools], Evaluator]:
    """The build function of a check that needs no tools."""
    return lambda params, _tools: partial(check, params)


EVALUATORS = (
    EvaluatorSpec(
        key="text.contains",
        title="Contains",
        summary="The answer contains a text.",
        params=Contains,
        build=_built(contains),
        scale=Binary(),
        needs=needs_reference_without_text,
    ),
    EvaluatorSpec(
        key="text.not_contains",
        title="Does not contain",
        summary="The answer does not contain a text.",
        params=NotContains,
        build=_built(not_contains),
        scale=Binary(),
        example={"text": "As an AI language model"},
    ),
    EvaluatorSpec(
        key="text.equals",
        title="Equals",
        summary="The answer is exactly a text.",
        params=Equals,
        build=_built(equals),
        scale=Binary(),
        needs=needs_reference_without_text,
    ),
    EvaluatorSpec(
        key="text.starts_with",
        title="Starts with",
        summary="The answer begins with a text.",
        params=StartsWith,
        build=_built(starts_with),
        scale=Binary(),
        needs=needs_reference_without_text,
    ),
    EvaluatorSpec(
        key="text.one_of",
        title="One of",
        summary="The answer is one of several acceptable texts.",
        params=OneOf,
        build=_built(one_of),
        scale=Binary(),
        needs=needs_reference_without_values,
    ),
    EvaluatorSpec(
        key="text.regex",
        title="Regular expression",
        summary="The answer matches a pattern, or must not.",
        params=Regex,
        build=build_regex,
        scale=Binary(),
        example={"pattern": r"\border-\d{6}\b"},
    ),
    EvaluatorSpec(
        key="text.similarity",
        title="Similarity",
        summary="How alike the answer and a text are, from 0 to 1.",
        params=Similarity,
        build=build_similarity,
        scale=Range(low=0.0, high=1.0, better="higher"),
        needs=needs_reference_without_text,
        default_rule={"at_least": 0.8},
    ),
)
