"""A run whose tests are asked several times, counted by test: what their trials came to, and how steady they were."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rhesis_app.runs.rules import totals_of
from rhesis_app.scoring.reducers import mean, pass_at_k, pass_hat_k
from rhesis_app.sdk import Totals


class AlikeTests(Protocol):
    """`count` tests whose trials came to the same: so many of each outcome, and the `outcome` of each test."""

    @property
    def passed(self) -> int: ...

    @property
    def failed(self) -> int: ...

    @property
    def error(self) -> int: ...

    @property
    def unscored(self) -> int: ...

    @property
    def outcome(self) -> str: ...

    @property
    def count(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """How steady the answers were: of `tests` with two verdicts or more `alike` had the same each time, `flaky` had not.

    `left_out` had fewer than two. `mean` is the mean share of passed trials over tests with a verdict. `pass_hat_k` (the
    chance that k trials all pass) and `pass_at_k` (that one of k does) are means over the `of_k` tests with k verdicts or
    more; null without any. Shares are of 1.
    """

    tests: int
    alike: int
    flaky: int
    left_out: int
    mean: float | None
    k: int
    of_k: int
    pass_hat_k: float | None
    pass_at_k: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """The tests of a run by the one outcome that their trials came to, and their consistency."""

    tests: Totals
    consistency: Consistency

    def to_json(self) -> dict[str, Any]:
        """As a run keeps it when it ends."""
        return {"tests": asdict(self.tests), "consistency": asdict(self.consistency)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Reduced":
        """From what a run keeps."""
        return cls(tests=Totals(**kept["tests"]), consistency=Consistency(**kept["consistency"]))


def results_in(found: Sequence[AlikeTests]) -> dict[str, int]:
    """The results of tests in groups, by outcome."""
    return {
        "passed": sum(one.passed * one.count for one in found),
        "failed": sum(one.failed * one.count for one in found),
        "error": sum(one.error * one.count for one in found),
        "unscored": sum(one.unscored * one.count for one in found),
    }


def reduced_of(found: Sequence[AlikeTests], *, test_count: int, trials: int, ended: bool) -> Reduced:
    """Tests in groups as the run's `test_count` tests by outcome; `trials` is the run's own number of trials."""
    outcomes: dict[str, int] = {}
    for one in found:
        outcomes[one.outcome] = outcomes.get(one.outcome, 0) + one.count
    k = max(2, trials)
    judged = [one for one in found if one.passed + one.failed >= 2]
    flaky = sum(one.count for one in judged if one.passed and one.failed)
    tests = sum(one.count for one in judged)
    enough = [one for one in found if one.passed + one.failed >= k]
    return Reduced(
        tests=totals_of(test_count, outcomes, ended=ended),
        consistency=Consistency(
            tests=tests,
            alike=tests - flaky,
            flaky=flaky,
            left_out=test_count - tests,
            mean=_mean((mean(one.passed, one.passed + one.failed), one.count) for one in found),
            k=k,
            of_k=sum(one.count for one in enough),
            pass_hat_k=_mean((pass_hat_k(one.passed, one.passed + one.failed, k), one.count) for one in enough),
            pass_at_k=_mean((pass_at_k(one.passed, one.passed + one.failed, k), one.count) for one in enough),
        ),
    )


def _mean(weighed: Iterable[tuple[float | None, int]]) -> float | None:
    known = [(value, count) for value, count in weighed if value is not None]
    count = sum(count for _, count in known)
    return sum(value * count for value, count in known) / count if count else None
