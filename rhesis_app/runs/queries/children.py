"""The runs that came of a run, as a column beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from rhesis_app.runs.models import TestRun, WorkItem
from rhesis_app.runs.queries.json_rows import json_object
from rhesis_app.runs.queries.views import PassRate, shown_rate
from rhesis_app.runs.rules import rate_of
from rhesis_app.sdk import Totals

_MOST = 20
_CHOSEN = {"failed": "Re-run of failed tests", "error": "Re-run of errors", "flaky": "Re-run of flaky tests"}
_TOLD = ("number", "kind", "chosen_by", "status", "planned", "open", "is_paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRun:
    """A run that came of another one; its rate is there once it has ended. `open` of its `planned` tests have no result yet."""

    number: int
    kind: str
    chosen_by: str | None
    status: str
    planned: int
    open: int
    is_paused: bool
    pass_rate: PassRate | None

    @property
    def seen(self) -> str:
        """What a poll may find changed while it goes on."""
        return f"{self.number}-{self.open}-{int(self.is_paused)}"

    @property
    def words(self) -> str:
        """What it is."""
        if self.kind == "rescore":
            return "Re-score"
        if self.kind == "retry":
            return "Retry of errors"
        return _CHOSEN.get(self.chosen_by or "", "Re-run")


def children() -> Any:
    """The newest of the run's children as a JSON array; correlated to TestRun."""
    child = aliased(TestRun, name="child")
    still_open = (
        select(func.count())
        .where(WorkItem.organization_id == child.organization_id, WorkItem.run_id == child.id)
        .correlate(child)
        .scalar_subquery()
    )
    newest = (
        select(
            *(child.number, child.kind, child.chosen_by, child.status, child.planned),
            func.coalesce(child.reduced["tests"], child.totals).label("totals"),
            still_open.label("open"),
            child.paused_at.is_not(None).label("is_paused"),
        )
        .where(child.organization_id == TestRun.organization_id, child.parent_run_id == TestRun.id)
        .order_by(child.number.desc())
        .limit(_MOST)
        .correlate(TestRun)
        .lateral("newest")
    )
    columns = {name: newest.c[name] for name in (*_TOLD, "totals")}
    listed = func.json_agg(aggregate_order_by(json_object(columns), newest.c.number.desc()))
    return (
        select(func.coalesce(listed, func.json_build_array())).select_from(newest).correlate(TestRun).scalar_subquery()
    )


def child_run(found: Mapping[str, Any]) -> ChildRun:
    """One element of that array."""
    totals = found["totals"]
    rate = shown_rate(rate_of(Totals(**totals)), is_final=True) if totals else None
    return ChildRun(
        **{name: found[name] for name in _TOLD},
        pass_rate=rate,
    )
