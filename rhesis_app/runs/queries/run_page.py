"""What the page of a run shows above its results."""

import hashlib
from dataclasses import astuple, dataclass, field
from typing import Any
from uuid import UUID

from rhesis_app.authoring.models import TestSetVersion
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.breakdown import (
    MetricRate,
    RequirementRate,
    metrics_of,
    outcomes_of,
    requirements_of,
)
from rhesis_app.runs.queries.children import ChildRun, child_run, children
from rhesis_app.runs.queries.finding import finding_of, left_out_of, origin_of
from rhesis_app.runs.queries.progress import Progress, open_work, retries_used, standing_still, time_left_ms
from rhesis_app.runs.queries.runs import one_run
from rhesis_app.runs.queries.views import RunView, run_view
from rhesis_app.runs.rules.recordings import REPLAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenConfiguration:
    """What the run depended on when it started: the endpoint without secrets, the test set's content."""

    endpoint: dict[str, Any]
    content_hash: str
    config: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A run with its parts. `waits_for` says why nothing moves, `retries_used` that none are left; `seen` stands for all that can change.

    `beside` is what the caller asked for in the same statement.
    """

    run: RunView
    progress: Progress
    waits_for: str
    retries_used: str
    time_left_ms: float | None
    requirements: tuple[RequirementRate, ...]
    frozen: FrozenConfiguration
    parts: Any = field(repr=False)
    children: tuple[ChildRun, ...]
    beside: Any = None

    @property
    def finding(self) -> str:
        """What the run says, in a sentence or two."""
        return finding_of(self.run, self.requirements)

    @property
    def origin(self) -> str:
        """Where its tests or answers come from, if it came of another run."""
        return origin_of(self.run)

    @property
    def left_out(self) -> str:
        """What the rate leaves out, with the bounds that follow."""
        return left_out_of(self.run)

    @property
    def again(self) -> list[tuple[str, str]]:
        """The fields of the form that starts a run like this one; metrics are among them when they were chosen for it."""
        chosen = self.run.metrics if self.frozen.config.get("metrics_from") == "given" else ()
        fields = [("test_set", str(self.run.test_set.id)), ("endpoint", str(self.run.endpoint.id))]
        if self.run.source in REPLAYS:
            fields += [("source", self.run.source), ("recording_run", str(self.run.recording_run_id))]
        return [*fields, *(("metric_ids", str(one.id)) for one in chosen)]

    @property
    def seen(self) -> str:
        """A short hash of what the page shows and a poll may find changed."""
        run = self.run
        said = (self.waits_for, self.retries_used)
        state = (astuple(run.totals), run.status, run.cancel_requested_at, self.progress.in_flight, *said)
        return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


def open_run_page(scope: Scope, project_id: UUID, number: int, *, beside: Any = None) -> RunPage:
    """The run that pages call #number, in one statement when it has ended and two while it goes on.

    `beside` is a column on TestRun of a context that this one does not know, such as what gates said.
    """
    asked = () if beside is None else (beside.label("beside"),)
    row = one_run(
        scope,
        TestRun.project_id == project_id,
        TestRun.number == number,
        extra=(
            TestRun.endpoint_snapshot,
            TestRun.config,
            TestRun.parts,
            TestRun.retries,
            TestSetVersion.content_hash,
            open_work().label("open_work"),
            children().label("children"),
            *asked,
        ),
    )
    requirements = requirements_of(scope, row.id, row.parts)
    run = run_view(scope, row, outcomes_of(requirements))
    progress = Progress.read(row.open_work)
    return RunPage(
        run=run,
        progress=progress,
        waits_for=standing_still(run, progress),
        retries_used=retries_used(run, row.retries),
        time_left_ms=None if progress.is_held_up else time_left_ms(run),
        requirements=requirements,
        parts=row.parts,
        frozen=FrozenConfiguration(endpoint=row.endpoint_snapshot, content_hash=row.content_hash, config=row.config),
        children=tuple(child_run(found) for found in row.children),
        beside=row.beside if asked else None,
    )


def page_metrics(scope: Scope, page: RunPage) -> tuple[MetricRate, ...]:
    """Rates by metric for a page that is drawn; apart, so that a poll that finds nothing new does not count them."""
    return metrics_of(scope, page.run.id, page.parts)
