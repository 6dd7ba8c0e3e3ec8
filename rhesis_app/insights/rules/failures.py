"""What failures have in common: traits that failed tests share more often than chance explains, and reasons that repeat.

Nothing here knows a model: traits are read off the tests and answers, and counted against the tests that passed.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rhesis_app.scoring.stats import holm
from rhesis_app.scoring.stats.counts import enrichment

MOST_GROUPS: Final = 12
MOST_RESULTS: Final = 50
FEWEST: Final = 3
"""A group of fewer failures says nothing."""
CERTAIN: Final = 0.05
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_VARYING: Final = re.compile(r"“[^”]*”|\"[^\"]*\"|'[^']*'|\d+(?:[.,]\d+)*")
_WORDS_READ: Final = 120
_OPENING: Final = 5
_VALUE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A decided result: whether it failed, and its traits in words (what they are about first)."""

    result_id: str
    failed: bool
    traits: frozenset[str]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTrait:
    """Tests with something in common: so many of them failed, and of all the others so many.

    `p_value` says how often chance alone would mark so many of them, adjusted for everything that was looked at.
    """

    words: tuple[str, ...]
    failed: int
    decided: int
    failed_elsewhere: int
    decided_elsewhere: int
    p_value: float
    is_certain: bool
    result_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedReason:
    """Failures that were given the same reason, but for numbers and quotations in it."""

    words: str
    count: int
    result_ids: tuple[str, ...]


def traits_of(found: Mapping[str, Any]) -> frozenset[str]:
    """What can be said of a test and its answer without judging: requirement, metadata, words of the prompt, the answer's beginning."""
    traits = set()
    if found["requirement"]:
        traits.add(f"requirement {found['requirement']}")
    for name, value in (found["facts"] or {}).items():
        traits |= {f"{name} = {one}" for one in _values(value)}
    traits |= {f"“{word}” in the prompt" for word in _words(found["prompt"])}
    answer = " ".join((found["output"] or "").split())
    if not answer:
        traits.add("an empty answer")
    else:
        opening = " ".join(answer.split()[:_OPENING])
        traits.add(f"an answer that begins “{opening[:_VALUE]}”")
    return frozenset(traits)


def masked(metric: str, reason: str) -> str:
    """A metric's reason without what varies from answer to answer."""
    line = " ".join(_VARYING.sub("…", reason).split())
    return f"{metric}: {line[:160]}" if line else metric


def shared_traits(cases: Sequence[Case]) -> tuple[SharedTrait, ...]:
    """Groups of tests that failed more often than the others, the least likely by chance first; empty without any failure.

    Traits that mark the same tests are one group with several names.
    """
    marked = sum(case.failed for case in cases)
    members: dict[str, list[int]] = defaultdict(list)
    for index, case in enumerate(cases):
        for trait in case.traits:
            members[trait].append(index)
    groups: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for trait, indices in members.items():
        if FEWEST <= len(indices) < len(cases):
            groups[tuple(indices)].append(trait)
    failing = {indices: sum(cases[index].failed for index in indices) for indices in groups}
    tails = [enrichment(failing[indices], len(indices), marked, len(cases)) for indices in groups]
    # adjusted over all that were looked at, also those that lead nowhere: choosing by their failures first would be cheating
    adjusted = dict(zip(groups, holm(tails), strict=True))
    made = [
        _shared(cases, indices, names, (marked, adjusted[indices]))
        for indices, names in groups.items()
        if failing[indices] >= FEWEST and failing[indices] * len(cases) > marked * len(indices)
    ]
    made.sort(key=lambda one: (one.p_value, -one.failed, one.words))
    return tuple(_without_echoes(made))


def shared_reasons(cases: Iterable[Case]) -> tuple[SharedReason, ...]:
    """Reasons that several failures were given, the commonest first."""
    found: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        for reason in set(case.reasons):
            found[reason].append(case.result_id)
    repeated = [(words, ids) for words, ids in found.items() if len(ids) > 1]
    repeated.sort(key=lambda pair: (-len(pair[1]), pair[0]))
    return tuple(
        SharedReason(words=words, count=len(ids), result_ids=tuple(ids[:MOST_RESULTS]))
        for words, ids in repeated[:MOST_GROUPS]
    )


def _shared(cases: Sequence[Case], indices: tuple[int, ...], names: list[str], found: tuple[int, float]) -> SharedTrait:
    """`found` is how many failed in all, and the adjusted p-value."""
    failed_in_all, p_value = found
    failing = [cases[index].result_id for index in indices if cases[index].failed]
    return SharedTrait(
        words=tuple(sorted(names, key=_rank)[:4]),
        failed=len(failing),
        decided=len(indices),
        failed_elsewhere=failed_in_all - len(failing),
        decided_elsewhere=len(cases) - len(indices),
        p_value=p_value,
        is_certain=p_value < CERTAIN,
        result_ids=tuple(failing[:MOST_RESULTS]),
    )


def _without_echoes(groups: Iterable[SharedTrait]) -> list[SharedTrait]:
    """Leave out groups whose failures all stand in one that is kept already: they say the same once more."""
    kept: list[SharedTrait] = []
    for group in groups:
        if len(kept) == MOST_GROUPS:
            break
        ids = set(group.result_ids)
        if not any(ids <= set(other.result_ids) for other in kept):
            kept.append(group)
    return kept


def _rank(trait: str) -> tuple[int, str]:
    """What was set on purpose before what was read off the words."""
    if trait.startswith("requirement "):
        return 0, trait
    return (2 if "“" in trait else 1), trait


def _values(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [str(one)[:_VALUE] for one in items if isinstance(one, str | int | bool) and str(one).strip()]


def _words(prompt: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(prompt)[:_WORDS_READ]}
