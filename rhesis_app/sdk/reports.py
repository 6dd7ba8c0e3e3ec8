"""A finished run as exporters and listeners see it, and tests as importers give them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """passed / n with a 95 % interval, as shares of 1; None everywhere when n is 0.

    n counts decided results (passed and failed), `excluded` those that were left out: error, unscored, never asked.
    """

    value: float | None
    low: float | None
    high: float | None
    passed: int
    n: int
    excluded: int

    @property
    def percent(self) -> str:
        """Such as `80.0 %`, or a dash when nothing is decided; not quite all or nothing never rounds to 100 or 0."""
        if self.value is None:
            return "–"
        shown = self.value * 100 if self.value in {0.0, 1.0} else min(max(self.value * 100, 0.1), 99.9)
        return f"{shown:.1f}\u00a0%"

    @property
    def interval(self) -> str:
        """Such as `[54.8, 93.0]`, in percent; empty when nothing is decided."""
        return "" if self.low is None or self.high is None else f"[{self.low * 100:.1f}, {self.high * 100:.1f}]"

    @property
    def words(self) -> str:
        """Such as `12 / 15 passed, 80.0 % [54.8, 93.0], 3 left out`: a rate is never shown without these."""
        parts = [f"{self.passed:,} / {self.n:,} passed", f"{self.percent} {self.interval}".strip()]
        parts += [f"{self.excluded:,} left out"] if self.excluded else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Results by outcome; planned = passed + failed + error + unscored + pending + cancelled, always."""

    planned: int = 0
    passed: int = 0
    failed: int = 0
    error: int = 0
    unscored: int = 0
    pending: int = 0
    cancelled: int = 0

    @property
    def answered(self) -> int:
        """How many results exist, whatever their outcome."""
        return self.passed + self.failed + self.error + self.unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCost:
    """What a run came to in US dollars, as decimal texts: its answers (`endpoint`) and its judges; None where nothing is known.

    `unpriced` counts answers whose cost is not known, and `unpriced_judgements` evaluations by a model: neither is in a sum.
    A re-score paid for no answer. `cap` is what the run was allowed to spend, `not_asked` how many tests that left unasked.
    """

    endpoint: str | None = None
    judge: str | None = None
    currency: str = "USD"
    unpriced: int = 0
    unpriced_judgements: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    judge_tokens_in: int | None = None
    judge_tokens_out: int | None = None
    cap: str | None = None
    not_asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSnapshot:
    """A metric as the run froze it; `rule` in words, such as "at least 0.8"."""

    name: str
    evaluator: str
    revision: int
    rule: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRate:
    """How one part of a run did: the tests of a requirement, or what one metric found."""

    name: str
    rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFinding:
    """What a gate said of a run: passed, failed or undecided, with its claim and its reason in words."""

    name: str
    claim: str
    decision: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run in a few numbers; `status` and `outcome` are the words of the API, times are aware UTC.

    `finding` says what the run says and `left_out` what its rate leaves out, each in a sentence or two; `url` is its page.
    `totals` count results. Where tests were asked several times `pass_rate` and `test_totals` count tests, each by what its
    trials came to, and `steadiness` says how alike these were; else `test_totals` is None.
    """

    run_id: str
    number: int
    project: str
    endpoint: str
    test_set: str
    test_set_version: int
    status: str
    outcome: str
    totals: Totals
    pass_rate: Rate
    metrics: tuple[MetricSnapshot, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    url: str | None = None
    finding: str = ""
    left_out: str = ""
    by_requirement: tuple[PartRate, ...] = ()
    by_metric: tuple[PartRate, ...] = ()
    gates: tuple[GateFinding, ...] = ()
    test_totals: Totals | None = None
    steadiness: str = ""
    cost: RunCost = field(default_factory=RunCost)

    @property
    def tests(self) -> Totals:
        """The tests by outcome; of a run that asked each once its results are the same."""
        return self.test_totals or self.totals

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to finish, or None while either is missing."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEvaluation:
    """One metric's finding on one result; `verdict` is passed, failed, unscored or error.

    `model`, the tokens and `cost`, US dollars as a decimal text, are of the model that was asked to judge.
    """

    metric: str
    verdict: str
    score: float | None = None
    label: str | None = None
    reason: str = ""
    required: bool = True
    applicable: bool = True
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """One result: what was asked, what came back, what was found. `position` counts from 1 within the test set.

    `cost` is the answer's, US dollars as a decimal text; its judges' stand with the evaluations.
    """

    test_id: str
    position: int
    trial: int
    prompt: str
    output: str | None
    outcome: str
    expected: str | None = None
    requirement: str | None = None
    error_code: str | None = None
    latency_ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    evaluations: tuple[ReportEvaluation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run to write down. `rows` can be read once: a large run never sits in memory.

    `comparison`, when it is one, is the document of `GET /api/v1/comparisons` with this run as the candidate.
    """

    summary: RunSummary
    rows: Iterable[ReportRow]
    comparison: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedTest:
    """One test read from a foreign file; `row` is the line or record it came from, from 1."""

    row: int
    prompt: str
    expected: str | None = None
    requirement: str | None = None
    context: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProblem:
    """A row that cannot become a test, and what to do about it; `field` is empty when the whole row is meant."""

    row: int
    message: str
    field: str = ""
