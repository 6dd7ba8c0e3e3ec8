"""What became of a test from one run to another, and what that says together."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rhesis_app.scoring.stats import Paired, paired


class Change(StrEnum):
    """A test in two runs. The first four are matched: the same test version, decided in both."""

    BROKEN = "broken"
    FIXED = "fixed"
    STILL_FAILED = "still_failed"
    STILL_PASSED = "still_passed"
    UNDECIDED = "undecided"
    EDITED = "edited"
    ONLY_BASELINE = "only_baseline"
    ONLY_CANDIDATE = "only_candidate"


MATCHED = (Change.BROKEN, Change.FIXED, Change.STILL_FAILED, Change.STILL_PASSED)


class Direction(StrEnum):
    """What a difference amounts to: `unclear` is not distinguishable from noise."""

    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "unclear"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Tests by what became of them."""

    broken: int = 0
    fixed: int = 0
    still_failed: int = 0
    still_passed: int = 0
    undecided: int = 0
    edited: int = 0
    only_baseline: int = 0
    only_candidate: int = 0

    @property
    def matched(self) -> int:
        """Tests of the same version that were decided in both runs."""
        return self.broken + self.fixed + self.still_failed + self.still_passed

    @property
    def left_out(self) -> int:
        """Tests of both runs that say nothing: undecided in one of them, or edited in between."""
        return self.undecided + self.edited

    @property
    def statistics(self) -> Paired | None:
        """The paired difference with its two-sided 95 % interval; None when nothing is matched."""
        return self.difference_at(0.975)

    def difference_at(self, confidence: float) -> Paired | None:
        """The difference with bounds that each hold with one-sided `confidence`; None when nothing is matched."""
        if not self.matched:
            return None
        return paired(
            fixed=self.fixed,
            broken=self.broken,
            both_passed=self.still_passed,
            both_failed=self.still_failed,
            confidence=2 * confidence - 1,
        )


def changes_of(counts: Mapping[str, int]) -> Changes:
    """Changes from counts by the change's name; names that are missing are 0."""
    return Changes(**{str(change): counts.get(str(change), 0) for change in Change})


def direction_of(changes: Changes, p_value: float | None) -> Direction:
    """Better or worse only where chance is a poor explanation: p below 0.05."""
    if changes.broken == changes.fixed == 0:
        return Direction.SAME
    if p_value is None or p_value >= SIGNIFICANT:
        return Direction.UNCLEAR
    return Direction.BETTER if changes.fixed > changes.broken else Direction.WORSE


SIGNIFICANT = 0.05
