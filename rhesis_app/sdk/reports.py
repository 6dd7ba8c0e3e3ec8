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
class MetricSnapshot:
    """A metric as the run froze it; `rule` in words, such as "at least 0.8"."""

    name: str
    evaluator: str
    revision: int
    rule: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run in a few numbers; `status` and `outcome` are the words of the API, times are aware UTC."""

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

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to finish, or None while either is missing."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEvaluation:
    """One metric's finding on one result; `verdict` is passed, failed, unscored or error."""

    metric: str
    verdict: str
    score: float | None = None
    label: str | None = None
    reason: str = ""
    required: bool = True
    applicable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """One result: what was asked, what came back, what was found. `position` counts from 1 within the test set."""

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
    metadata: Mapping[str, Any] = field(default_factory=dict)
    evaluations: tuple[ReportEvaluation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run to write down. `rows` can be read once: a large run never sits in memory."""

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
