"""What the overview of a project says of its runs besides their rates: their gates, and each requirement over time."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from rhesis_app.insights.queries.decided_run import DecidedRun
from rhesis_app.insights.queries.gates import gates_column, gates_of
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.breakdown import parts_of
from rhesis_app.runs.queries.overview import HeatRow, heat_rows
from rhesis_app.runs.queries.views import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """The latest runs with what their gates said, and the requirements over the runs of the trend."""

    latest: tuple[DecidedRun, ...]
    heat: tuple[HeatRow, ...]


def at_a_glance(scope: Scope, latest: Sequence[RunView], trend: Sequence[RunView]) -> Glance:
    """Both in one statement, from what each run froze when it ended; `trend` are ended runs, oldest first."""
    wanted = {run.id for run in (*latest, *trend)}
    query = scope.select(TestRun.id, TestRun.test_count, TestRun.parts, gates_column().label("gates")).where(
        TestRun.id.in_(wanted)
    )
    rows = {row.id: row for row in scope.session.execute(query)} if wanted else {}
    names = [field.name for field in fields(RunView)]
    decided = tuple(
        DecidedRun(
            **{name: getattr(run, name) for name in names},
            gates=gates_of(rows[run.id].gates).decisions if run.is_finished else (),
        )
        for run in latest
    )
    heat = heat_rows([parts_of(scope, rows[run.id], rows[run.id].parts) for run in trend])
    return Glance(latest=decided, heat=heat)
