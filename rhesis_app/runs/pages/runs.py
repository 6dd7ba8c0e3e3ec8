"""Pages of runs: the list, one run, starting one, the quick check."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.insights.queries.decided_run import with_gates
from rhesis_app.insights.queries.gates import gates_column, gates_of
from rhesis_app.kernel.errors import AppError, Conflict
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.reports.queries import list_formats
from rhesis_app.runs import forms
from rhesis_app.runs.actions.cancel import cancel_run
from rhesis_app.runs.actions.check import Callout, Ways, check_run
from rhesis_app.runs.actions.pause import pause_run, resume_run
from rhesis_app.runs.actions.quick_check import start_quick_check
from rhesis_app.runs.actions.start import start_run
from rhesis_app.runs.queries.checks import CheckedRun
from rhesis_app.runs.queries.preflight import RunChoices, preflight, run_choices
from rhesis_app.runs.queries.result_keys import ResultFilter
from rhesis_app.runs.queries.results import list_results
from rhesis_app.runs.queries.run_page import RunPage, open_run_page, page_metrics
from rhesis_app.runs.queries.run_tests import list_run_tests
from rhesis_app.runs.queries.runs import list_runs, view_run, view_run_by_number
from rhesis_app.runs.queries.wording import rules_in_words
from rhesis_app.runs.rules.recordings import SOURCES, Source
from rhesis_app.scoring.reducers import LABELS
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to, nothing_new
from rhesis_app.web.pages import csrf_token, render_fragment, render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, release_connection, runtime
from rhesis_app.web.waiting import callout_slot

blueprint = Blueprint("runs", __name__)
_FRESH = timedelta(seconds=3)
_LIVE_ROWS = 25


@blueprint.get("/p/<slug>/runs")
@needs(Permission.RUN_READ)
def index(slug: str) -> Response:
    """The runs of a project, newest first."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    page = list_runs(scope, page_request(cursor=request.args.get("cursor")), forms.run_filter(project.id, request.args))
    return _page(
        "index",
        project,
        page=page,
        runs=with_gates(scope, page.items),
        links=page_links(page),
        **_options(run_choices(scope, project.id), any_set="Every test set", any_endpoint="Every endpoint"),
        **forms.filter_links(("status", "test_set", "endpoint", "schedule"), request.args),
        can_execute=scope.may(Permission.RUN_EXECUTE, project=project.id),
    )


@blueprint.get("/p/<slug>/runs/new")
@needs(Permission.RUN_EXECUTE)
def new(slug: str) -> Response:
    """The form of a new run."""
    return _new_page(project_by_slug(current_scope(), slug), forms.run_form(request.args))


@blueprint.post("/p/<slug>/runs")
@needs(Permission.RUN_EXECUTE)
def start(slug: str) -> Response:
    """Start a run and go to its page."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.run_form(request.form)
    try:
        run_id = start_run(scope, runtime().registry, forms.new_run(form))
    except AppError as error:
        return _new_page(project, form, error)
    return _to_run(slug, run_id)


@blueprint.post("/p/<slug>/runs/check")
@needs(Permission.RUN_EXECUTE)
def check(slug: str) -> Response:
    """The form of a new run again, with what checking it has found; the set's first test is really asked."""
    scope, host = current_scope(), runtime()
    project, form = project_by_slug(scope, slug), forms.run_form(request.form)
    ways = Ways(door=host.door, secrets=host.secrets, judges=host.judges)
    # what never asks is not tried by asking
    callout = Callout(callout_slot, release_connection) if form.source != Source.REPLAY_OR_FAIL else None
    try:
        checked = check_run(scope, host.registry, ways, forms.wanted_run(form), callout)
    except AppError as error:
        return _new_page(project, form, error)
    return _new_page(project, form, checked=checked)


@blueprint.get("/p/<slug>/runs/<int:number>")
@needs(Permission.RUN_READ)
def show(slug: str, number: int) -> Response:
    """One run with its results."""
    project, page = _run_page(slug, number)
    return _page("show", project, **_parts(page))


@blueprint.get("/p/<slug>/runs/<int:number>/progress")
@needs(Permission.RUN_READ)
def progress(slug: str, number: int) -> Response:
    """The run as a fragment, for the page that watches it; nothing while nothing has changed."""
    project, page = _run_page(slug, number)
    if request.args.get("seen") == page.seen:
        return nothing_new()
    return render_fragment("runs/_run.html", project=project, now=current_scope().now, **_parts(page))


@blueprint.post("/p/<slug>/runs/<int:number>/cancel")
@needs(Permission.RUN_CANCEL)
def cancel(slug: str, number: int) -> Response:
    """Cancel a run."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    cancel_run(scope, view_run_by_number(scope, project.id, number).id)
    say(f"Run #{number} is being cancelled: answers on the way are kept.")
    return go_to(url_for("runs.show", slug=slug, number=number))


@blueprint.post("/p/<slug>/runs/<int:number>/pause")
@needs(Permission.RUN_CANCEL)
def pause(slug: str, number: int) -> Response:
    """Pause a run."""
    return _changed(slug, number, pause_run)


@blueprint.post("/p/<slug>/runs/<int:number>/resume")
@needs(Permission.RUN_CANCEL)
def resume(slug: str, number: int) -> Response:
    """Let a paused run go on."""
    return _changed(slug, number, resume_run)


@blueprint.get("/p/<slug>/quick-check")
@needs(Permission.RUN_EXECUTE)
def quick_check(slug: str) -> Response:
    """Two fields that lead to a first verdict."""
    return _quick_check_page(project_by_slug(current_scope(), slug), forms.quick_check_form(request.args))


@blueprint.post("/p/<slug>/quick-check")
@needs(Permission.RUN_EXECUTE)
def start_check(slug: str) -> Response:
    """Ask that one question and go to its run."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.quick_check_form(request.form)
    try:
        run_id = start_quick_check(scope, runtime().registry, forms.new_quick_check(project.id, form))
    except AppError as error:
        return _quick_check_page(project, form, error)
    return _to_run(slug, run_id)


def _changed(slug: str, number: int, change: Callable[[Scope, UUID], None]) -> Response:
    """Back to the run, which shows what was changed; what was refused is said."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    try:
        change(scope, view_run_by_number(scope, project.id, number).id)
    except Conflict as error:
        say(error.detail, kind="failed")
    return go_to(url_for("runs.show", slug=slug, number=number))


def _run_page(slug: str, number: int) -> tuple[ProjectView, RunPage]:
    project = project_by_slug(current_scope(), slug)
    return project, open_run_page(current_scope(), project.id, number, beside=gates_column())


def _chosen(page: RunPage) -> ResultFilter:
    """The filters of the address; while the run goes on and nothing is filtered, the newest results come first."""
    is_watched = not page.run.is_finished and not forms.kept_filters(forms.FILTERS, request.args)
    return forms.result_filter(request.args, newest_first=is_watched)


def _parts(page: RunPage) -> dict[str, Any]:
    scope, registry = current_scope(), runtime().registry
    chosen = _chosen(page)
    # a page that watches shows the newest or the first; one that stands still goes through all of them
    is_still = not chosen.newest_first and "seen" not in request.args
    asked = page_request(cursor=request.args.get("cursor")) if is_still else PageRequest(limit=_LIVE_ROWS)
    # by test where tests have several trials, but while it is watched answers are shown as they come
    by_test = page.run.is_repeated and not chosen.newest_first
    tests = list_run_tests(scope, page.run.id, asked, forms.run_test_filter(request.args)) if by_test else None
    results = tests or list_results(scope, page.run.id, asked, chosen)
    metrics = page_metrics(scope, page)
    return {
        "page": page,
        "run": page.run,
        "gates": gates_of(page.beside),
        "can_manage_gates": scope.may(Permission.GATE_MANAGE, project=page.run.project_id),
        "metrics": metrics,
        "chosen": chosen,
        **forms.filter_links(forms.FILTERS, request.args),
        "hidden": forms.kept_filters(("outcome", "metric", "flaky"), request.args),
        "requirement_options": [("", "Every requirement"), *_named(page)],
        "tests": tests,
        "reducer_words": page.run.reducer.label if page.run.reducer else "",
        "results": results,
        "cursor": request.args.get("cursor"),
        "links": page_links(results) if is_still else (None, None),
        "fresh_since": scope.now - _FRESH,
        "formats": list_formats(registry),
        "again_key": new_id(),
        "rules": rules_in_words(page.run, registry),
    }


def _new_page(
    project: ProjectView, form: forms.RunForm, error: AppError | None = None, *, checked: CheckedRun | None = None
) -> Response:
    scope = current_scope()
    scope.require(Permission.RUN_EXECUTE, project=project.id)
    choices = run_choices(scope, project.id, recordings=True, test_set_id=forms.id_in(form.test_set))
    if not form.test_set and len(choices.test_sets) == 1:
        form = replace(form, test_set=str(choices.test_sets[0].id))
    chosen_set = forms.id_in(form.test_set)
    check = preflight(scope, runtime().registry, chosen_set) if chosen_set else None
    return _page(
        "new",
        project,
        status=error.status if error else 200,
        form=form,
        **_options(choices),
        reducer_options=[(str(name), label) for name, label in LABELS.items()],
        check=check,
        calls=forms.calls_of(form, check) if check else None,
        source_options=SOURCES,
        checked=checked,
        errors=forms.errors_of(error),
        message=error.detail if error else "",
    )


def _quick_check_page(project: ProjectView, form: forms.QuickCheckForm, error: AppError | None = None) -> Response:
    scope = current_scope()
    scope.require(Permission.RUN_EXECUTE, project=project.id)
    return _page(
        "quick_check",
        project,
        status=error.status if error else 200,
        form=form,
        **_options(run_choices(scope, project.id)),
        errors=forms.errors_of(error),
        message=error.detail if error else "",
    )


def _to_run(slug: str, run_id: UUID) -> Response:
    return go_to(url_for("runs.show", slug=slug, number=view_run(current_scope(), run_id).number))


def _page(name: str, project: ProjectView, **views: Any) -> Response:
    return render_page(
        f"runs/{name}.html", section="runs", project=project, csrf_token=csrf_token(), now=current_scope().now, **views
    )


def _options(choices: RunChoices, any_set: str = "Choose a test set", any_endpoint: str = "") -> dict[str, Any]:
    """What can be chosen, as the forms' options."""
    sets = [(str(one.id), one.name) for one in choices.test_sets]
    endpoints = [(str(one.id), one.name) for one in choices.endpoints]
    return {
        "choices": choices,
        "set_options": [("", any_set), *sets],
        "endpoint_options": [("", any_endpoint), *endpoints] if any_endpoint else endpoints,
        "metric_options": [(str(one.id), one.name, one.note) for one in choices.metrics],
    }


def _named(page: RunPage) -> list[tuple[str, str]]:
    named = [(str(one.requirement_id), one.name) for one in page.requirements if one.name]
    return sorted(named, key=lambda pair: pair[1].casefold())
