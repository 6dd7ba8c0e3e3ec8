"""The forms of runs, parsed into the actions' arguments."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from werkzeug.datastructures import MultiDict

from rhesis_app.authoring.rules.tests import MAX_TRIALS
from rhesis_app.kernel.errors import AppError, Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.runs.actions.again import Rerun, Rescore
from rhesis_app.runs.actions.quick_check import QuickCheck
from rhesis_app.runs.actions.retry_errors import RetryErrors
from rhesis_app.runs.actions.review import NewReview
from rhesis_app.runs.actions.schedules import NewSchedule, ScheduleChanges
from rhesis_app.runs.actions.start import NewRun
from rhesis_app.runs.queries.breakdown import OUTCOMES
from rhesis_app.runs.queries.checks import WantedRun
from rhesis_app.runs.queries.preflight import Preflight
from rhesis_app.runs.queries.result_keys import ResultFilter
from rhesis_app.runs.queries.run_tests import RunTestFilter
from rhesis_app.runs.queries.runs import RunFilter
from rhesis_app.runs.queries.schedules import ScheduleView
from rhesis_app.runs.rules import FINAL, RunStatus
from rhesis_app.runs.rules.recordings import REPLAYS, Source
from rhesis_app.runs.rules.trials import check_trials, reducer_of
from rhesis_app.scoring.reducers import Reducer, ReducerName

CLIP = 240
FILTERS = ("outcome", "requirement", "metric", "q", "flaky")
"""The filters of a run's results, as an address names them."""
OPEN = "open"
_STATUSES = {OPEN: tuple(str(status) for status in RunStatus if status not in FINAL)} | {
    str(status): (str(status),) for status in RunStatus
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForm:
    """A run as its form holds it: ids as texts. `key` makes a second click give the first one's run.

    `recording` is empty for the latest one.
    """

    test_set: str = ""
    endpoint: str = ""
    metric_ids: tuple[str, ...] = ()
    trials: str = "1"
    reducer: str = str(ReducerName.MAJORITY)
    k: str = ""
    cost_cap: str = ""
    source: str = Source.LIVE
    recording: str = ""
    key: str = ""

    @property
    def asks_often(self) -> bool:
        """Whether anything but one trial is asked for."""
        return self.trials.strip() not in {"", "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleForm:
    """A schedule as its form holds it: ids as texts."""

    name: str = ""
    test_set: str = ""
    endpoint: str = ""
    metric_ids: tuple[str, ...] = ()
    cron: str = ""
    time_zone: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickCheckForm:
    """A quick check as its form holds it."""

    endpoint: str = ""
    prompt: str = ""
    expected: str = ""
    key: str = ""


def run_form(sent: MultiDict[str, str]) -> RunForm:
    """What was chosen; a form that is shown for the first time gets its key here."""
    return RunForm(
        test_set=sent.get("test_set", ""),
        endpoint=sent.get("endpoint", ""),
        metric_ids=tuple(sent.getlist("metric_ids")),
        trials=sent.get("trials", "1"),
        reducer=sent.get("reducer", "") or str(ReducerName.MAJORITY),
        k=sent.get("k", ""),
        cost_cap=sent.get("cost_cap", "").strip(),
        source=sent.get("source", "") or Source.LIVE,
        recording=sent.get("recording_run", ""),
        key=sent.get("key", "")[:64] or str(new_id()),
    )


def quick_check_form(sent: MultiDict[str, str]) -> QuickCheckForm:
    """What was typed."""
    return QuickCheckForm(
        endpoint=sent.get("endpoint", ""),
        prompt=sent.get("prompt", ""),
        expected=sent.get("expected", ""),
        key=sent.get("key", "")[:64] or str(new_id()),
    )


def new_run(form: RunForm) -> NewRun:
    """The form as a run to start; Invalid at what was not chosen, at `trials`, `reducer` or `k`."""
    test_set_id, endpoint_id = _chosen_parts(form.test_set, form.endpoint)
    new = NewRun(
        test_set_id=test_set_id,
        endpoint_id=endpoint_id,
        metric_ids=tuple(_ids_in(form.metric_ids)),
        trials=_trials(form),
        reducer=_reducer(form),
        cost_cap=_cap(form.cost_cap),
        source=form.source,
        # one that was chosen for another source stays chosen, and takes no part
        recording_run_id=id_in(form.recording) if form.source in REPLAYS else None,
    )
    return replace(new, idempotency_key=_key(form.key, new.body))


def wanted_run(form: RunForm) -> WantedRun:
    """The form as a run to look at before it is started; Invalid at what was not chosen."""
    new = new_run(form)
    check_trials(new.trials, new.reducer)
    return WantedRun(
        test_set_id=new.test_set_id,
        endpoint_id=new.endpoint_id,
        metric_ids=new.metric_ids,
        trials=new.trials,
        cost_cap=new.cost_cap,
    )


def calls_of(form: RunForm, check: Preflight) -> int | None:
    """How many calls the run would make; None while that cannot be said."""
    try:
        trials = _trials(form)
    except Invalid:
        return None
    return check.calls(trials) if 1 <= trials <= MAX_TRIALS else None


def whole_number(text: str, field: str) -> int | None:
    """The number in a field, None where it is empty. Invalid at the field when it holds something else."""
    if not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdecimal() and len(text) < 10):
        raise Invalid.field(field, "Give a whole number.")
    return int(text)


def _trials(form: RunForm) -> int:
    """An empty field means one trial."""
    found = whole_number(form.trials, "trials")
    return 1 if found is None else found


def _reducer(form: RunForm) -> Reducer:
    """What the form asks for; `k` stands beside all choices and belongs to one of them."""
    is_counting = form.reducer == ReducerName.AT_LEAST
    return reducer_of({"name": form.reducer, "k": whole_number(form.k, "k") if is_counting else None})


def schedule_form(sent: MultiDict[str, str]) -> ScheduleForm:
    """What was typed and chosen."""
    texts = {name: sent.get(name, "") for name in ("name", "test_set", "endpoint", "cron", "time_zone", "etag")}
    return ScheduleForm(metric_ids=tuple(sent.getlist("metric_ids")), **texts)


def form_of_schedule(view: ScheduleView) -> ScheduleForm:
    """A stored schedule as its form."""
    return ScheduleForm(
        name=view.name,
        test_set=str(view.test_set.id),
        endpoint=str(view.endpoint.id),
        metric_ids=tuple(map(str, view.metric_ids)),
        cron=view.cron,
        time_zone=view.time_zone,
        etag=view.etag,
    )


def new_schedule(form: ScheduleForm) -> NewSchedule:
    """The form as a schedule to make; Invalid at what was not chosen."""
    return NewSchedule(**schedule_changes(form))


def schedule_changes(form: ScheduleForm) -> ScheduleChanges:
    """The form as changes of a schedule: all of it. Invalid at what was not chosen."""
    test_set_id, endpoint_id = _chosen_parts(form.test_set, form.endpoint)
    return ScheduleChanges(
        name=form.name,
        cron=form.cron,
        time_zone=form.time_zone,
        test_set_id=test_set_id,
        endpoint_id=endpoint_id,
        metric_ids=tuple(_ids_in(form.metric_ids)),
    )


def new_quick_check(project_id: UUID, form: QuickCheckForm) -> QuickCheck:
    """The form as a quick check to start; Invalid at a missing endpoint."""
    endpoint_id = id_in(form.endpoint)
    if endpoint_id is None:
        raise Invalid.field("endpoint", "Choose an endpoint.")
    return QuickCheck(
        project_id=project_id,
        endpoint_id=endpoint_id,
        prompt=form.prompt,
        expected=form.expected,
        idempotency_key=_key(form.key, form.endpoint, form.prompt, form.expected),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RescoreForm:
    """What shall score: the run's `own` metrics as they are now, or `others`, those ticked."""

    by: str = "own"
    metric_ids: tuple[str, ...] = ()
    key: str = ""


def rescore_form(sent: MultiDict[str, str]) -> RescoreForm:
    """What was chosen; a form that is shown for the first time gets its key here."""
    return RescoreForm(
        by="others" if sent.get("by") == "others" else "own",
        metric_ids=tuple(sent.getlist("metric_ids")),
        key=sent.get("key", "")[:64] or str(new_id()),
    )


def new_rescore(run_id: UUID, form: RescoreForm) -> Rescore:
    """The form as a re-score to start; Invalid where others are wanted and none is ticked."""
    metric_ids = tuple(_ids_in(form.metric_ids)) if form.by == "others" else ()
    if form.by == "others" and not metric_ids:
        raise Invalid.field("metric_ids", "Tick at least one metric.")
    new = Rescore(run_id=run_id, metric_ids=metric_ids)
    return replace(new, idempotency_key=_key(form.key, new.body))


def new_rerun(run_id: UUID, sent: MultiDict[str, str]) -> Rerun:
    """The buttons that ask a run's tests again; `only` is empty for all of them."""
    new = Rerun(run_id=run_id, only=sent.get("only") or None)
    key = sent.get("key", "")[:64]
    return replace(new, idempotency_key=_key(key, new.body)) if key else new


def new_retry(run_id: UUID, sent: MultiDict[str, str]) -> RetryErrors:
    """The button that asks a run's errors again."""
    new = RetryErrors(run_id=run_id)
    key = sent.get("key", "")[:64]
    return replace(new, idempotency_key=_key(key, new.body)) if key else new


def new_review(sent: MultiDict[str, str]) -> NewReview:
    """The review form; `about` is empty for the whole result or an evaluation's id."""
    return NewReview(
        verdict=sent.get("verdict", ""), evaluation_id=id_in(sent.get("about", "")), comment=sent.get("comment", "")
    )


def result_filter(sent: MultiDict[str, str], *, newest_first: bool = False) -> ResultFilter:
    """The filters in an address; what is no filter of ours leaves nothing out."""
    outcome = sent.get("outcome", "")
    return ResultFilter(
        outcome=outcome if outcome in OUTCOMES else "",
        requirement_id=id_in(sent.get("requirement", "")),
        metric_id=id_in(sent.get("metric", "")),
        q=sent.get("q", "").strip()[:200],
        is_flaky=bool(sent.get("flaky")),
        newest_first=newest_first,
        clip=CLIP,
    )


def run_test_filter(sent: MultiDict[str, str]) -> RunTestFilter:
    """The same filters for the list of tests, where tests have several trials."""
    chosen = result_filter(sent)
    return RunTestFilter(
        outcome=chosen.outcome,
        requirement_id=chosen.requirement_id,
        metric_id=chosen.metric_id,
        q=chosen.q,
        is_flaky=chosen.is_flaky,
        worst_first=True,
        clip=CLIP,
    )


def run_filter(project_id: UUID, sent: MultiDict[str, str]) -> RunFilter:
    """The filters of the list of runs; the status `open` stands for all that have not ended."""
    return RunFilter(
        project_id=project_id,
        statuses=_STATUSES.get(sent.get("status", ""), ()),
        test_set_id=id_in(sent.get("test_set", "")),
        endpoint_id=id_in(sent.get("endpoint", "")),
        schedule_id=id_in(sent.get("schedule", "")),
    )


def errors_of(error: AppError | None) -> dict[str, list[str]]:
    """An action's errors by the names of the form's fields."""
    errors = error.errors if error else {}
    return {name.removesuffix("_id") if name.endswith("_id") else name: texts for name, texts in errors.items()}


def id_in(text: str) -> UUID | None:
    """The id that a text holds, if any."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _chosen_parts(test_set: str, endpoint: str) -> tuple[UUID, UUID]:
    test_set_id, endpoint_id = id_in(test_set), id_in(endpoint)
    if test_set_id is None:
        raise Invalid.field("test_set", "Choose a test set.")
    if endpoint_id is None:
        raise Invalid.field("endpoint", "Choose an endpoint.")
    return test_set_id, endpoint_id


def _cap(text: str) -> Decimal | None:
    if not text:
        return None
    try:
        cap = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        cap = Decimal("NaN")
    if not cap.is_finite():
        raise Invalid.field("cost_cap", "Enter US dollars such as 5.00, or leave it empty for no cap.")
    return cap


def _key(key: str, *content: str) -> str:
    """A key of this form with this content: going back and choosing something else is another run."""
    return f"form-{key}-{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]}"


def _ids_in(texts: Iterable[str]) -> Iterable[UUID]:
    return (found for text in texts if (found := id_in(text)) is not None)


def kept_filters(names: tuple[str, ...], sent: MultiDict[str, str]) -> dict[str, str]:
    """The filters of an address, for the links and forms that keep them."""
    return {name: value for name in names if (value := sent.get(name, ""))}


def filter_links(names: tuple[str, ...], sent: MultiDict[str, str]) -> dict[str, Any]:
    """`kept`: the filters of the address; `without`: for each of them the others, to take it away or to change it."""
    kept = kept_filters(names, sent)
    return {"kept": kept, "without": {gone: {n: v for n, v in kept.items() if n != gone} for gone in names}}
