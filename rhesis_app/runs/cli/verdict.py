"""What a finished run means for a pipeline: one of five exit statuses, and the sentences that go with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from rhesis_app.sdk.reports import Rate

BUDGET: Final = 0.02
"""The share without a verdict past which a run that no gate decides is not called passed; as in a gate."""


class Exit(IntEnum):
    """How the command ends; 2 is the command line's own for a wrong call."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    UNDECIDED = 3
    COULD_NOT_RUN = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """The exit status and what to print, line by line."""

    status: Exit
    lines: tuple[str, ...]


def verdict_of(run: Mapping[str, Any], wanted: Sequence[str] = ()) -> Verdict:
    """Decide an ended run by the gates named (ids), without any by all of its gates, without these by its outcome."""
    numbers = numbers_of(run)
    if run["status"] in {"errored", "cancelled"}:
        why = {"errored": "No answer could be used.", "cancelled": "The run was cancelled."}[run["status"]]
        return Verdict(Exit.COULD_NOT_RUN, (*numbers, f"could not run: {why}"))
    gates = [gate for gate in run["gates"] if not wanted or gate["gate_id"] in wanted]
    silent = len(wanted) - len(gates) if wanted else 0
    if not gates and not silent:
        status, sentence = _by_outcome(run)
        return Verdict(status, (*numbers, sentence))
    decisions = [gate["decision"] for gate in gates] + ["undecided"] * silent
    status = _worst(decisions)
    told = [f"gate {gate['decision']}: {gate['name']} ({gate['words']}). {gate['sentence']}" for gate in gates]
    told += [f"gate undecided: {silent} of the gates named did not decide this run."] if silent else []
    return Verdict(status, (*numbers, *told, _WORDS[status]))


def numbers_of(run: Mapping[str, Any]) -> tuple[str, ...]:
    """`12 / 15 passed · 2 errors · 1 unscored`, then the rate with its interval, and where a cost cap stopped the run."""
    shown, totals = run["pass_rate"], tests_of(run)
    rate = Rate(**{name: shown[name] for name in ("value", "low", "high", "passed", "n", "excluded")})
    lines = [f"{rate.passed:,} / {rate.n:,} passed{left_out(totals)}"]
    if rate.value is not None:
        lines.append(f"pass rate {rate.percent}, 95 % interval {rate.interval}".replace("\u00a0", " "))
    cost = run.get("cost") or {}
    if cost.get("not_asked"):
        not_asked = f"{cost['not_asked']:,} of {totals['planned']:,} tests not asked"
        lines.append(f"stopped at its cost cap of ${cost['cap']}: {not_asked}")
    return tuple(lines)


def tests_of(run: Mapping[str, Any]) -> Mapping[str, int]:
    """The run's tests by outcome; of a server that knows no trials its results are the same."""
    found: Mapping[str, int] = run.get("test_totals") or run["totals"]
    return found


def left_out(totals: Mapping[str, int]) -> str:
    """` · 2 errors · 1 unscored · 4 not run`, what is there of it."""
    parts = (
        _counted(totals["error"], "error", "errors"),
        _counted(totals["unscored"], "unscored", "unscored"),
        _counted(totals["cancelled"], "not run", "not run"),
    )
    return "".join(f" · {part}" for part in parts if part)


def _by_outcome(run: Mapping[str, Any]) -> tuple[Exit, str]:
    totals, outcome = tests_of(run), run["outcome"]
    if outcome == "failed":
        return Exit.FAILED, f"failed: {_counted(totals['failed'], 'test', 'tests')} failed, and no gate allows for it."
    undecided = totals["planned"] - totals["passed"] - totals["failed"]
    if outcome == "none":
        return Exit.UNDECIDED, "undecided: no test has a verdict."
    if undecided > BUDGET * totals["planned"]:
        return (
            Exit.UNDECIDED,
            f"undecided: {undecided} of {totals['planned']} tests have no verdict, more than {BUDGET:.0%}.",
        )
    return Exit.PASSED, "passed: every test with a verdict passed, and no gate asks for more."


def _worst(decisions: Sequence[str]) -> Exit:
    if "failed" in decisions:
        return Exit.FAILED
    return Exit.UNDECIDED if "undecided" in decisions else Exit.PASSED


_WORDS: Final = {
    Exit.PASSED: "passed: every gate passed.",
    Exit.FAILED: "failed: a gate failed.",
    Exit.UNDECIDED: "undecided: no gate failed, and not every gate could decide.",
}


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}" if count else ""
