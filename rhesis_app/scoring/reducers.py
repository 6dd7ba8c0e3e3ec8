"""From the trials of one test to one outcome, and to figures of how steady it is. Pure; oracle tests hold the formulas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import comb
from typing import Any, Final

from rhesis_app.scoring.outcome import Outcome


class ReducerName(StrEnum):
    """How many of a test's trials must pass for the test to pass."""

    MAJORITY = "majority"
    ALL = "all"
    ANY = "any"
    AT_LEAST = "at_least"


LABELS: Final = {
    ReducerName.MAJORITY: "more than half of its trials pass",
    ReducerName.ALL: "all of its trials pass",
    ReducerName.ANY: "one of its trials passes",
    ReducerName.AT_LEAST: "at least k of its trials pass",
}
"""When a test passes, to choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reducer:
    """What makes one outcome of a test's trials; `k` belongs to `at_least` alone."""

    name: ReducerName = ReducerName.MAJORITY
    k: int | None = None

    def needed(self, trials: int) -> int:
        """How many of `trials` must pass. A tie is no majority; of a test with fewer than k trials all of them must."""
        if self.name is ReducerName.ALL:
            return trials
        if self.name is ReducerName.ANY:
            return 1
        if self.name is ReducerName.AT_LEAST:
            return min(self.k or 1, trials)
        return trials // 2 + 1

    @property
    def label(self) -> str:
        """When a test passes, such as `at least 2 of its trials pass`."""
        return LABELS[self.name].replace("least k of", f"least {self.k} of")

    def to_json(self) -> dict[str, Any]:
        """As a run keeps it."""
        return {"name": str(self.name)} | ({"k": self.k} if self.k is not None else {})

    @classmethod
    def from_json(cls, kept: Mapping[str, Any] | None) -> "Reducer":
        """From what a run keeps; a run without one has the majority decide."""
        return cls(name=ReducerName(kept["name"]), k=kept.get("k")) if kept else cls()


MAJORITY: Final = Reducer()


def reduce_trials(outcomes: Sequence[str], trials: int, reducer: Reducer) -> Outcome | None:
    """The outcome of a test from those of its answered trials; of one trial it is that trial's own.

    Passed or failed only where no trial that has no verdict could change it. Else an error among the answers makes it an
    error, without one it is unscored; None while trials have no answer. `trials` is how many were planned, at least as
    many as there are outcomes. Raises ValueError otherwise.
    """
    if trials < 1 or len(outcomes) > trials:
        raise ValueError("reduce_trials: a test has at least one trial, and no more outcomes than trials.")
    passed, failed = outcomes.count(Outcome.PASSED), outcomes.count(Outcome.FAILED)
    needed = reducer.needed(trials)
    if passed >= needed:
        return Outcome.PASSED
    if trials - failed < needed:
        return Outcome.FAILED
    if len(outcomes) < trials:
        return None
    return Outcome.ERROR if Outcome.ERROR in outcomes else Outcome.UNSCORED


def mean(passed: int, decided: int) -> float | None:
    """The share of a test's decided trials that passed, of 1; None without any."""
    _check(passed, decided)
    return passed / decided if decided else None


def pass_at_k(passed: int, decided: int, k: int) -> float | None:
    """The chance that at least one of k trials passes: 1 - C(n-c, k) / C(n, k), unbiased from c of n independent trials.

    M. Chen et al., Evaluating Large Language Models Trained on Code (2021), arXiv:2107.03374, equation 1. None where
    fewer than k trials are decided. 0 <= passed <= decided and k >= 1, else ValueError.
    """
    _check(passed, decided, k)
    if decided < k:
        return None
    return float(1 - Fraction(comb(decided - passed, k), comb(decided, k)))


def pass_hat_k(passed: int, decided: int, k: int) -> float | None:
    """The chance that all of k trials pass: C(c, k) / C(n, k), unbiased from c of n independent trials.

    S. Yao et al., tau-bench (2024), arXiv:2406.12045, section 4. None where fewer than k trials are decided.
    0 <= passed <= decided and k >= 1, else ValueError.
    """
    _check(passed, decided, k)
    if decided < k:
        return None
    return float(Fraction(comb(passed, k), comb(decided, k)))


def _check(passed: int, decided: int, k: int = 1) -> None:
    if not 0 <= passed <= decided or k < 1:
        raise ValueError("Of a test's decided trials from none to all have passed, and k is at least 1.")
