"""What the page of a run shows above its results."""

import hashlib
from dataclasses import astuple, dataclass, field
from typing import Any
from uuid import UUID

from rhesis_app.authoring.models import TestSetVersion
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestRun
from rhesis_app.runs.queries.breakdown import (
    CountedRun,
    MetricRate,
    RequirementRate,
    metrics_of,
    outcomes_of,
    requirement_rates,
    requirements_in,
    requirements_of,
    tests_by_requirement,
)
from rhesis_app.runs.queries.children import ChildRun, child_run, children
from rhesis_app.runs.queries.costs import cap_words, cost_words, price_words, stopped_words, token_words
from rhesis_app.runs.queries.finding import finding_of, left_out_of, origin_of, steadiness_of
from rhesis_app.runs.queries.progress import Progress, open_work, retries_used, standing_still, time_left_ms
from rhesis_app.runs.queries.runs import one_run
from rhesis_app.runs.queries.views import Counts, RunView, run_view
from rhesis_app.runs.rules import FINAL, RunKind
from rhesis_app.runs.rules.recordings import REPLAYS, Source


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
    counted: CountedRun = field(repr=False)
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
    def steadiness(self) -> str:
        """How alike the answers to one test were; empty where each was asked once."""
        return steadiness_of(self.run)

    @property
    def retrying(self) -> ChildRun | None:
        """The retry of its errors that is going on."""
        return next((one for one in self.children if one.kind == "retry" and one.status not in FINAL), None)

    @property
    def can_retry(self) -> bool:
        """Whether there are errors to ask again here, and nobody does already."""
        asks = self.run.can_execute and self.run.is_finished and self.run.kind not in (RunKind.RESCORE, RunKind.RETRY)
        asks = asks and self.run.source != Source.REPLAY_OR_FAIL
        return asks and self.run.totals.error > 0 and self.retrying is None

    @property
    def cost(self) -> tuple[str, ...]:
        """What it came to, in lines of words; nothing where nothing is known."""
        return tuple(said for said in (cost_words(self.run.cost), token_words(self.run.cost)) if said)

    @property
    def prices(self) -> str:
        """What the endpoint's tokens cost, as the run froze it."""
        endpoint = self.frozen.endpoint
        return price_words((endpoint.get("chat") or endpoint).get("prices"))

    @property
    def cap(self) -> str:
        """What it may spend."""
        cap = self.run.cost.cap if self.run.cost else None
        return cap_words(cap) if cap else "none"

    @property
    def stopped(self) -> str:
        """That it stopped at its cost cap, if it did."""
        return stopped_words(self.run.cost, self.run.totals)

    @property
    def again(self) -> list[tuple[str, str]]:
        """The fields of the form that starts a run like this one; metrics are among them when they were chosen for it."""
        chosen = self.run.metrics if self.frozen.config.get("metrics_from") == "given" else ()
        fields = [("test_set", str(self.run.test_set.id)), ("endpoint", str(self.run.endpoint.id))]
        if self.run.trials > 1 and self.run.reducer is not None:
            fields += [("trials", str(self.run.trials)), ("reducer", self.run.reducer.name)]
            fields += [("k", str(self.run.reducer.k))] if self.run.reducer.k else []
        if self.run.source in REPLAYS:
            fields += [("source", self.run.source), ("recording_run", str(self.run.recording_run_id))]
        cap = self.run.cost.cap if self.run.cost else None
        return [*fields, *(("metric_ids", str(one.id)) for one in chosen), *([("cost_cap", cap)] if cap else [])]

    @property
    def seen(self) -> str:
        """A short hash of what the page shows and a poll may find changed."""
        run = self.run
        said = (self.waits_for, self.retries_used, self.stopped)
        asked = (run.cancel_requested_at, run.paused_at)
        state = (astuple(run.totals), run.status, *asked, self.progress.in_flight, *said)
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
    requirements, counts = _counted(scope, row)
    run = run_view(scope, row, counts)
    progress = Progress.read(row.open_work)
    return RunPage(
        run=run,
        progress=progress,
        waits_for=standing_still(run, progress),
        retries_used=retries_used(run, row.retries),
        time_left_ms=None if progress.is_held_up else time_left_ms(run),
        requirements=requirements,
        parts=row.parts,
        counted=row,
        frozen=FrozenConfiguration(endpoint=row.endpoint_snapshot, content_hash=row.content_hash, config=row.config),
        children=tuple(child_run(found) for found in row.children),
        beside=row.beside if asked else None,
    )


def _counted(scope: Scope, row: Any) -> tuple[tuple[RequirementRate, ...], Counts]:
    """The rates by requirement and what the whole comes to, from one statement while the run goes on."""
    if row.test_count is not None and row.finished_at is None:
        groups = tests_by_requirement(scope, row.id)
        return requirement_rates(requirements_in(groups), is_final=False), Counts.of_tests(groups)
    requirements = requirements_of(scope, row, row.parts)
    return requirements, Counts(outcomes_of(requirements))


def page_metrics(scope: Scope, page: RunPage) -> tuple[MetricRate, ...]:
    """Rates by metric for a page that is drawn; apart, so that a poll that finds nothing new does not count them."""
    return metrics_of(scope, page.counted, page.parts)
