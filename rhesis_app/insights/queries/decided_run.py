"""A run together with what its gates said."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from uuid import UUID

from rhesis_app.insights.queries.gates import DecisionView, decisions_of
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.queries.runs import view_waiting_run
from rhesis_app.runs.queries.views import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedRun(RunView):
    """A run with the decisions of its gates by name; none while it goes on.

    `waiting_for` says why nothing moves, empty while something does; null where it was not asked.
    """

    gates: tuple[DecisionView, ...]
    waiting_for: str | None = None


def view_decided_run(scope: Scope, run_id: UUID) -> DecidedRun:
    """One run with its gates, and why it stands still if it does; NotFound for strangers."""
    run, waiting_for = view_waiting_run(scope, run_id)
    return replace(with_gates(scope, (run,))[0], waiting_for=waiting_for)


def with_gates(scope: Scope, runs: Sequence[RunView]) -> tuple[DecidedRun, ...]:
    """Runs with their gates, in one statement; runs that go on have none and cost nothing."""
    decided = decisions_of(scope, (run.id for run in runs if run.is_finished))
    names = [field.name for field in fields(RunView)]
    return tuple(
        DecidedRun(**{name: getattr(run, name) for name in names}, gates=decided.get(run.id, ())) for run in runs
    )
