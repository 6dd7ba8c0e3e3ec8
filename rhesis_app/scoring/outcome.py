"""From the verdicts of metrics to the outcome of a result, and from results to the outcome of a run."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol


class Verdict(StrEnum):
    """One metric's word on one result; error means that the evaluator itself failed."""

    PASSED = "passed"
    FAILED = "failed"
    UNSCORED = "unscored"
    ERROR = "error"


class Outcome(StrEnum):
    """What became of one planned test; error means that the endpoint gave no usable answer."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    UNSCORED = "unscored"


class RunOutcome(StrEnum):
    """What a whole run says; none means that nothing was decided."""

    PASSED = "passed"
    FAILED = "failed"
    NONE = "none"


class Evaluated(Protocol):
    """An evaluation as far as outcomes care, stored or fresh; `verdict` may be the enum or its text."""

    @property
    def verdict(self) -> str: ...

    @property
    def required(self) -> bool: ...

    @property
    def applicable(self) -> bool: ...


def result_outcome(evaluations: Iterable[Evaluated], *, endpoint_failed: bool = False) -> Outcome:
    """The outcome of one result.

    Counted are required metrics that apply: one failed → failed; else one error or unscored → unscored; else one
    passed → passed; with none to count, unscored. An endpoint that failed is error, whatever else is there.
    """
    if endpoint_failed:
        return Outcome.ERROR
    counted = {
        Verdict(evaluation.verdict) for evaluation in evaluations if evaluation.required and evaluation.applicable
    }
    if Verdict.FAILED in counted:
        return Outcome.FAILED
    return Outcome.PASSED if counted == {Verdict.PASSED} else Outcome.UNSCORED


def run_outcome(*, passed: int, failed: int) -> RunOutcome:
    """The outcome of a run from its decided results: any failed → failed, else any passed → passed, else none."""
    if failed:
        return RunOutcome.FAILED
    return RunOutcome.PASSED if passed else RunOutcome.NONE
