"""A run at work: what is in flight, what waits and for what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from math import ceil
from typing import Any

from sqlalchemy import Text, case, cast, extract, func, or_, select

from rhesis_app.endpoints.models import EndpointThrottle, Model, ModelThrottle
from rhesis_app.endpoints.queries.throttles import LOWERED_AFTER, open_s, paused_s, seconds_until
from rhesis_app.runs.models import RunModel, TestRun, WorkItem
from rhesis_app.runs.queries.json_rows import json_object
from rhesis_app.runs.queries.views import RunView
from rhesis_app.runs.rules import RunKind, retry_budget
from rhesis_app.runs.rules.recordings import Source

_A_ROUND = timedelta(seconds=12)  # of the sweeper, and a little more
_ENOUGH = 5  # answers before a remaining time is more than a guess


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldUpModel:
    """The model that holds a run up the longest; without a name it is the instance's own. The rest as in `Progress`."""

    name: str | None
    paused_s: float | None
    open_s: float | None
    limit: int | None
    lowered_for: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Open items of a run: being asked, lost with their worker, due now, waiting for a later try. Seconds from now.

    And what the endpoint's throttle says: the pause it asked for, how long the breaker stays open (0 when one call is let
    through), and the limit of `most` that it was lowered to. `others_work` is asked where nothing of this run is under way;
    `is_resuming` that the endpoint's pause has just ended. `halted_s` is for how long a person has paused the run.
    """

    in_flight: int = 0
    lost: int = 0
    due: int = 0
    later: int = 0
    next_try_s: float | None = None
    paused_s: float | None = None
    open_s: float | None = None
    limit: int | None = None
    most: int = 0
    lowered_for: str | None = None
    others_work: bool = False
    is_resuming: bool = False
    model: HeldUpModel | None = None
    halted_s: float | None = None

    @property
    def is_held_up(self) -> bool:
        """Whether something is wrong, with the endpoint, with a model or with a worker."""
        model = self.model
        model_stands = model is not None and bool(model.paused_s or model.open_s is not None)
        return bool(self.paused_s or self.lost) or self.open_s is not None or model_stands

    @classmethod
    def read(cls, found: Mapping[str, Any] | None) -> "Progress":
        """From the column that `open_work` makes."""
        if not found:
            return cls()
        return cls(**{**found, "model": HeldUpModel(**found["model"]) if found["model"] else None})


@cache
def open_work() -> Any:
    """The run's open items by state as one JSON column; correlated to TestRun, and cheap where nothing is open."""
    item, now, held = WorkItem, func.now(), EndpointThrottle
    is_free = item.lease_owner.is_(None)
    in_flight = func.count().filter(item.lease_until > now)
    columns = {
        "in_flight": in_flight,
        "lost": func.count().filter(item.lease_until <= now),
        "due": func.count().filter(is_free, item.not_before <= now),
        "later": func.count().filter(is_free, item.not_before > now),
        "next_try_s": seconds_until(func.min(item.not_before).filter(is_free)),
        "paused_s": _of_throttle(paused_s(held)),
        "open_s": _of_throttle(open_s(held)),
        "limit": _of_throttle(held.cur_limit),
        "most": TestRun.endpoint_snapshot["max_concurrency"].as_integer(),
        "lowered_for": _of_throttle(held.lowered_for),
        "is_resuming": func.coalesce(_of_throttle(_resumes()), False),
        "model": _held_up_model(),
        "halted_s": extract("epoch", now - TestRun.paused_at),
        "others_work": case((in_flight == 0, func.others_work(TestRun.id)), else_=False),
    }
    return (
        select(json_object(columns))
        .where(item.organization_id == TestRun.organization_id, item.run_id == TestRun.id)
        .correlate(TestRun)
        .scalar_subquery()
    )


def standing_still(run: RunView, progress: Progress) -> str:
    """Why nothing moves, as a sentence; empty while something is being asked or the run has ended."""
    if run.is_finished:
        return ""
    if run.cancel_requested_at is not None:
        return f"Cancelling: nothing new is asked, {_answers(progress.in_flight)} still on the way and kept."
    if run.paused_at is not None:
        return _paused(run, progress)
    return (
        _endpoint_says(progress)
        or _model_says(progress.model)
        or ("" if progress.in_flight else _nothing_moves(progress))
    )


def _paused(run: RunView, progress: Progress) -> str:
    by = f" by {run.paused_by}" if run.paused_by else ""
    left = max(0, run.totals.pending - progress.in_flight)
    said = f"Paused{by}, {_ago(progress.halted_s or 0)}: {'1 test is' if left == 1 else f'{left:,} tests are'} left."
    return f"{said} {_answers(progress.in_flight)} still on the way and kept." if progress.in_flight else said


def _ago(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "a moment ago"


def retries_used(run: RunView, retries: int) -> str:
    """That a run's budget of retries is used up, as a sentence; empty while some are left."""
    budget = retry_budget(run.totals.planned)
    if retries < budget:
        return ""
    if run.is_finished:
        return f"The endpoint failed so often that all {budget} retries of this run were used: later failures were not tried again."
    return f"The endpoint failed so often that all {budget} retries of this run are used: failures are not tried again from now on."


def _endpoint_says(progress: Progress) -> str:
    """Why the endpoint is asked less than it could be, or not at all."""
    if progress.paused_s is not None and progress.paused_s > 0:
        return f"The endpoint asks for a pause: going on in {ceil(progress.paused_s)} s."
    if progress.open_s is not None and progress.open_s > 0:
        return (
            f"The endpoint failed too often in a row: one call tries it again in {ceil(progress.open_s)} s."
            " If it stays away for minutes, the run ends with errors."
        )
    if progress.open_s is not None:
        return "The endpoint failed too often in a row: one call tries whether it is back."
    if progress.in_flight and progress.limit is not None and progress.limit < progress.most:
        why = LOWERED_AFTER.get(progress.lowered_for or "", "it had too much to do")
        return f"Slower for now: {progress.limit} of {progress.most} calls at a time, after {why}."
    return ""


def _model_says(model: HeldUpModel | None) -> str:
    """Why a model is called less than it could be, or not at all."""
    if model is None:
        return ""
    who = "The instance's model" if model.name is None else f"The model “{model.name}”"
    if model.paused_s is not None and model.paused_s > 0:
        return f"{who} asks for a pause: going on in {ceil(model.paused_s)} s."
    if model.open_s is not None:
        when = f"in {ceil(model.open_s)} s" if model.open_s > 0 else "now"
        return f"{who} failed too often in a row: one call tries it again {when}."
    why = LOWERED_AFTER.get(model.lowered_for or "", "it had too much to do")
    calls = "1 call" if model.limit == 1 else f"{model.limit} calls"
    return f"Slower for now: {who[0].lower()}{who[1:]} gets {calls} at a time, after {why}."


def _nothing_moves(progress: Progress) -> str:
    if progress.lost:
        return "A worker was lost. Its calls are given out again within a minute."
    if progress.due and progress.is_resuming:
        return "The endpoint's pause is over: the sweeper calls a worker within ten seconds."
    if progress.due and progress.others_work:
        return "Other runs are being asked first: this one gets its turn within seconds."
    if progress.due:
        return "Waits for a worker. If this stays, look whether one runs: rhesis-app doctor."
    if progress.later and progress.next_try_s is not None:
        return f"{_calls(progress.later)} to be tried again, the next one in {max(ceil(progress.next_try_s), 0)} s."
    return ""


def time_left_ms(run: RunView) -> float | None:
    """How long the rest takes at the pace so far; None while that would be a guess."""
    done = run.totals.answered
    if run.is_finished or run.paused_at or run.duration_ms is None or done < _ENOUGH or not run.totals.pending:
        return None
    return run.duration_ms / done * run.totals.pending


def _resumes() -> Any:
    """Whether a pause ended so lately that the sweeper may not have looked since."""
    return EndpointThrottle.paused_until.between(func.now() - _A_ROUND, func.now())


def _held_up_model() -> Any:
    """Of the run's models whose throttle holds something up the one that does so the longest, as a JSON column."""
    held = ModelThrottle
    columns = {
        "name": Model.name,
        "paused_s": paused_s(held),
        "open_s": open_s(held),
        "limit": held.cur_limit,
        "lowered_for": held.lowered_for,
    }
    return (
        select(json_object(columns))
        .select_from(held)
        .join(RunModel, (RunModel.organization_id == held.organization_id) & (RunModel.model_key == held.model_key))
        .outerjoin(Model, (Model.organization_id == held.organization_id) & (cast(Model.id, Text) == held.model_key))
        .where(RunModel.organization_id == TestRun.organization_id, RunModel.run_id == TestRun.id)
        .where(or_(held.paused_until > func.now(), held.open_until.is_not(None), held.cur_limit.is_not(None)))
        .order_by(func.greatest(held.paused_until, held.open_until).desc().nulls_last())
        .limit(1)
        .correlate(TestRun)
        .scalar_subquery()
    )


def _of_throttle(column: Any) -> Any:
    """A column of the throttle of the run's endpoint; who only scores or replays answers asks nobody and has none."""
    held = EndpointThrottle
    return (
        select(column)
        .where(held.organization_id == TestRun.organization_id, held.endpoint_id == TestRun.endpoint_id)
        .where(TestRun.kind != RunKind.RESCORE, TestRun.source != Source.REPLAY_OR_FAIL)
        .correlate(TestRun)
        .scalar_subquery()
    )


def _answers(count: int) -> str:
    return "1 answer is" if count == 1 else f"{count} answers are"


def _calls(count: int) -> str:
    return "1 call is" if count == 1 else f"{count} calls are"
