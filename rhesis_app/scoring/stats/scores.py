"""The same tests scored in two runs: the mean difference, with nothing assumed of how scores are distributed."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from operator import getitem
from typing import Final

from rhesis_app.scoring.stats.pairs import FEWEST_FLIPS

MOST_EXACT: Final = 14
"""Up to so many differences every choice of signs is looked at, past it a number of random ones."""
MOST_DRAWS: Final = 9_999
FEWEST_DRAWS: Final = 1_999
"""As few for very many tests, where drawing takes long: the p-value's own error is then 0.005 at 0.05, else 0.002."""
_LOOKED_AT: Final = 40_000_000
_ROUNDING: Final = 1e-9
_BITS: Final = 8

Chosen = tuple[int, float]
"""Of a choice of differences: how many they are, and their sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreDifference:
    """Candidate minus baseline in the scores' own unit, of `n` tests of which `changed` differ.

    `p_value` is None with fewer than six changed tests, `low` and `high` with too few tests to bound the mean at all:
    fewer than six at 95 %. `is_exact` says whether the p-value looked at every choice of signs.
    """

    n: int
    changed: int
    mean: float
    low: float | None
    high: float | None
    p_value: float | None
    is_exact: bool


def score_difference(differences: Sequence[float], confidence: float = 0.95, seed: int = 0) -> ScoreDifference:
    """The mean of one difference per test, with interval and two-sided p-value; the same for the same arguments.

    Test: were the runs alike, each difference could as well have had the other sign (R. A. Fisher, The Design of
    Experiments (1935), section 21; drawn signs counted as in B. Phipson and G. K. Smyth, Statistical Applications in
    Genetics and Molecular Biology 9 (2010), article 39). Interval: the means of all, or of randomly drawn, subsets of the
    differences, J. A. Hartigan, Using subsample values as typical values, JASA 64 (1969) 1303-1317; exact where
    differences are symmetric around their mean, approximate elsewhere. It holds what the test would not reject.

    With verdicts as scores of 0 and 1 the p-value is `mcnemar`'s; where tests were asked several times, give the
    difference of each test's means. Finite values, at least one; `confidence` strictly between 0 and 1. Raises
    ValueError otherwise.
    """
    if not differences or not all(math.isfinite(value) for value in differences):
        raise ValueError("score_difference: at least one difference is needed, and all must be finite.")
    if not 0 < confidence < 1:
        raise ValueError(f"score_difference: confidence must lie between 0 and 1, not {confidence}.")
    changed = [value for value in differences if value]
    is_exact = len(changed) <= MOST_EXACT
    choices = _choices(differences, seed)
    low, high = _typical(choices, confidence)
    return ScoreDifference(
        n=len(differences),
        changed=len(changed),
        mean=math.fsum(differences) / len(differences),
        low=low,
        high=high,
        p_value=_p_value(changed, _choices(changed, seed) if is_exact else choices),
        is_exact=is_exact,
    )


def _p_value(changed: Sequence[float], choices: Sequence[Chosen]) -> float | None:
    """The share of sign choices whose sum lies as far from 0 as the one seen, which itself counts as one of them."""
    if len(changed) < FEWEST_FLIPS:
        return None
    total = math.fsum(changed)
    # sums of the same scores in another order differ in their last digits
    as_far = abs(total) - _ROUNDING * math.fsum(map(abs, changed))
    extreme = sum(abs(total - 2 * flipped) >= as_far for _, flipped in choices)
    return (1 + extreme) / (1 + len(choices))


def _typical(choices: Sequence[Chosen], confidence: float) -> tuple[float | None, float | None]:
    """The subset means in ascending order cut the line into gaps, each as likely to hold the true mean."""
    outside = math.floor((1 - confidence) / 2 * (len(choices) + 1) + _ROUNDING)
    if not outside:
        return None, None
    means = sorted(total / size for size, total in choices)
    return means[outside - 1], means[-outside]


def _choices(values: Sequence[float], seed: int) -> list[Chosen]:
    """Every choice of at least one of the values where they are few, seeded random ones where they are many."""
    if len(values) > MOST_EXACT:
        return _drawn(values, seed)
    found: list[Chosen] = [(0, 0.0)]
    for value in values:
        found += [(size + 1, total + value) for size, total in found]
    return found[1:]


def _drawn(values: Sequence[float], seed: int) -> list[Chosen]:
    """A choice is a number whose bits say which values are in; eight of them are summed in one look-up."""
    sums = [_sums(values[start : start + _BITS]) for start in range(0, len(values), _BITS)]
    source, all_of_them = random.Random(seed), 1 << len(values)  # noqa: S311 no secret is made of these draws
    found = []
    for _ in range(max(FEWEST_DRAWS, min(MOST_DRAWS, _LOOKED_AT // len(values)))):
        bits = source.randrange(1, all_of_them)
        found.append((bits.bit_count(), sum(map(getitem, sums, bits.to_bytes(len(sums), "little")))))
    return found


def _sums(values: Sequence[float]) -> list[float]:
    """The sums of all choices of at most eight values, at the place that their bits name."""
    found = [0.0]
    for value in values:
        found += [total + value for total in found]
    return found
