"""The table of DOMAIN: from verdicts to the outcome of a result."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhesis_app.scoring.outcome import Outcome, RunOutcome, Verdict, result_outcome, run_outcome


@dataclass(frozen=True)
class Found:
    verdict: str
    required: bool = True
    applicable: bool = True


P, F, U, E = (Found(verdict) for verdict in ("passed", "failed", "unscored", "error"))
NOT_APPLICABLE = Found("unscored", applicable=False)
OPTIONAL_FAILED = Found("failed", required=False)
OPTIONAL_PASSED = Found("passed", required=False)


@pytest.mark.parametrize(
    ("evaluations", "outcome"),
    [
        ([P], "passed"),
        ([P, P], "passed"),
        ([F], "failed"),
        ([P, F], "failed"),
        ([F, U], "failed"),
        ([F, E], "failed"),
        ([P, U], "unscored"),
        ([P, E], "unscored"),
        ([E], "unscored"),
        ([U], "unscored"),
        ([], "unscored"),
        ([NOT_APPLICABLE], "unscored"),
        ([NOT_APPLICABLE, P], "passed"),
        ([NOT_APPLICABLE, F], "failed"),
        ([OPTIONAL_FAILED, P], "passed"),
        ([OPTIONAL_FAILED], "unscored"),
        ([OPTIONAL_PASSED], "unscored"),
        ([OPTIONAL_PASSED, F], "failed"),
        ([Found("error", required=False), P], "passed"),
    ],
)
def test_the_outcome_follows_the_table(evaluations: list[Found], outcome: str) -> None:
    assert result_outcome(evaluations) == outcome


def test_an_endpoint_that_failed_is_an_error_whatever_else_is_there() -> None:
    assert result_outcome([F], endpoint_failed=True) == Outcome.ERROR
    assert result_outcome([], endpoint_failed=True) == Outcome.ERROR


def test_a_verdict_nobody_knows_is_not_taken_for_passed() -> None:
    with pytest.raises(ValueError, match="fine"):
        result_outcome([Found("fine")])


FOUND = st.builds(Found, st.sampled_from(Verdict), st.booleans(), st.booleans())


@given(st.lists(FOUND, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_metrics_does_not_matter(evaluations: list[Found], random: object) -> None:
    shuffled = list(evaluations)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert result_outcome(shuffled) == result_outcome(evaluations)


@given(st.lists(FOUND, max_size=6))
def test_a_result_passes_only_if_every_required_metric_that_applies_passed(evaluations: list[Found]) -> None:
    counted = [found.verdict for found in evaluations if found.required and found.applicable]
    passes = bool(counted) and all(verdict == "passed" for verdict in counted)
    assert (result_outcome(evaluations) == Outcome.PASSED) == passes


def test_a_run_fails_on_one_failure_and_says_none_when_nothing_was_decided() -> None:
    assert run_outcome(passed=9, failed=1) == RunOutcome.FAILED
    assert run_outcome(passed=9, failed=0) == RunOutcome.PASSED
    assert run_outcome(passed=0, failed=0) == RunOutcome.NONE
