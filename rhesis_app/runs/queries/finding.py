"""What a finished run says, in sentences that carry their numbers."""

from collections.abc import Sequence

from rhesis_app.runs.queries.breakdown import RequirementRate
from rhesis_app.runs.queries.views import RunView


def finding_of(run: RunView, requirements: Sequence[RequirementRate]) -> str:
    """The run in a sentence or two; empty while it goes on."""
    if not run.is_finished:
        return ""
    rate, totals = run.pass_rate, run.test_totals
    if not rate.n:
        return f"Nothing could be decided. {_why_nothing(run)}"
    if not totals.failed:
        return f"All {_tests(rate.n)} with a verdict passed." if rate.n > 1 else "The one test with a verdict passed."
    weakest = _weakest(requirements)
    said = f"{totals.failed} of {_tests(rate.n)} with a verdict failed."
    return f"{said} {weakest}" if weakest else said


def origin_of(run: RunView) -> str:
    """Where a run that came of another one has its tests or answers from; empty for any other."""
    if run.parent is None:
        return ""
    of = f"{run.origin} #{run.parent.number}: "
    if run.kind == "retry":
        return f"{of}what ended in an error there, asked again by the same metrics. Each answer takes its error's place in #{run.parent.number}."
    said = of + ("its answers, judged again without a call." if run.kind == "rescore" else _asked_again(run))
    if run.chosen_by is None:
        return said
    return f"{said} It has chosen tests only, so its rate says nothing of the whole set."


_DID = {"failed": "failed", "error": "ended in an error", "flaky": "had trials that disagreed"}


def _asked_again(run: RunView) -> str:
    did = _DID.get(run.chosen_by or "")
    return f"only the tests that {did} in #{run.chosen_from}." if did else "the same tests, asked again."


def left_out_of(run: RunView) -> str:
    """What the rate leaves out, and between which bounds it lies whatever that would have been."""
    totals, rate = run.test_totals, run.pass_rate
    parts = [
        _counted(totals.error, "error", "errors"),
        _counted(totals.unscored, "unscored", "unscored"),
        _counted(totals.cancelled, "not run", "not run"),
        _counted(totals.pending, "without an answer yet", "without an answer yet"),
    ]
    said = ", ".join(part for part in parts if part)
    if not said:
        return (
            f"All {totals.planned} tests have a verdict: nothing is left out."
            if totals.planned > 1
            else "Nothing is left out."
        )
    best = rate.passed + rate.excluded
    return (
        f"Left out: {said}. Had all of them failed, {rate.passed} / {totals.planned} would have passed;"
        f" had all passed, {best} / {totals.planned}."
    )


def steadiness_of(run: RunView) -> str:
    """How alike the answers to one test were, such as `37 of 40 tests answered alike in all trials · pass^3 0.81 · pass@3 0.97`."""
    found = run.consistency
    if found is None or not found.tests:
        return ""
    parts = [f"{found.alike} of {_tests(found.tests)} answered alike in all trials"]
    if found.pass_hat_k is not None and found.pass_at_k is not None:
        parts += [f"pass^{found.k} {found.pass_hat_k:.2f}", f"pass@{found.k} {found.pass_at_k:.2f}"]
        parts[-1] += f" over {found.of_k}" if found.of_k != found.tests else ""
    if found.left_out:
        parts.append(f"{found.left_out} with fewer than two verdicts left out")
    return " · ".join(parts)


def _why_nothing(run: RunView) -> str:
    totals = run.test_totals
    if totals.cancelled == totals.planned:
        return "The run was cancelled before the first answer."
    if totals.error + totals.cancelled == totals.planned:
        return "No answer could be used: open a result to see the endpoint's error."
    return "There are answers, but no required metric could tell: open a result to see why."


def _weakest(requirements: Sequence[RequirementRate]) -> str:
    """The requirement with the lowest rate, where there is something to compare."""
    decided = [one for one in requirements if one.rate.value is not None and one.name]
    if len(decided) < 2 or decided[0].rate.value == decided[-1].rate.value:
        return ""
    worst = decided[0]
    return f"Weakest is {worst.name} with {worst.rate.passed} / {worst.rate.n} passed."


def _tests(count: int) -> str:
    return f"{count} test" if count == 1 else f"{count} tests"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}" if count else ""
