"""Pages of metrics."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.authoring.actions import metrics as actions
from rhesis_app.authoring.forms import metrics as forms
from rhesis_app.authoring.pages.metric_form import MetricPage, form_page
from rhesis_app.authoring.queries import metric_trials
from rhesis_app.authoring.queries import metrics as queries
from rhesis_app.authoring.queries.attacks import latest_attack_suite
from rhesis_app.authoring.queries.evaluators import group_evaluators
from rhesis_app.authoring.queries.prompts import get_prompt
from rhesis_app.authoring.rules.metrics import spec_of
from rhesis_app.kernel.errors import AppError, Conflict, Invalid, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.runs.queries.stored_samples import stored_sample
from rhesis_app.sdk import Need
from rhesis_app.sdk.params import fields_of
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, release_connection, runtime
from rhesis_app.web.waiting import callout_slot

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/p/<slug>/metrics")
@needs(Permission.METRIC_READ)
def index(slug: str) -> Response:
    """The metrics of a project."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    chosen = queries.MetricFilter(
        project_id=project.id, q=request.args.get("q", ""), archived="archived" in request.args
    )
    page = queries.list_metrics(scope, runtime().registry, page_request(cursor=request.args.get("cursor")), chosen)
    return _page("index", project, page=page, links=page_links(page), chosen=chosen)


@blueprint.get("/p/<slug>/metrics/new")
@needs(Permission.METRIC_WRITE)
def new(slug: str) -> Response:
    """Choose an evaluator; with `?evaluator=` the form of a new metric."""
    project, registry = project_by_slug(current_scope(), slug), runtime().registry
    key = request.args.get("evaluator", "")
    if not key:
        return _page("choose", project, groups=group_evaluators(registry), **_tried_on(project))
    spec = spec_of(registry, key)
    return form_page(MetricPage(project=project, spec=spec, form=_on_stored(project, forms.blank_form(spec))))


@blueprint.post("/p/<slug>/metrics")
@needs(Permission.METRIC_WRITE)
def create(slug: str) -> Response:
    """Make a metric and show it."""
    scope, registry = current_scope(), runtime().registry
    page = _sent(project_by_slug(scope, slug), None)
    try:
        view = actions.create_metric(scope, registry, forms.new_metric(page.project.id, page.spec, page.form))
    except AppError as error:
        return form_page(page, error=error)
    say(f"“{view.name}” was created.")
    return go_to(url_for("metrics.show", slug=slug, metric_id=view.id))


@blueprint.post("/p/<slug>/metrics/try")
@needs(Permission.METRIC_WRITE)
def try_metric(slug: str) -> Response:
    """Score one exchange with what stands in the form, of a new metric or of changes to one; nothing is stored."""
    project, metric_id = project_by_slug(current_scope(), slug), forms.id_in(request.form.get("metric_id", ""))
    page = _sent(project, _metric(project, metric_id) if metric_id else None)
    try:
        if request.form.get("load"):
            return form_page(replace(page, form=_on_stored(page.project, page.form)))
        return form_page(page, trial=_tried(page), is_trial=True)
    except AppError as error:
        return form_page(page, error=error, is_trial=True)


@blueprint.get("/p/<slug>/metrics/<uuid:metric_id>")
@needs(Permission.METRIC_READ)
def show(slug: str, metric_id: UUID) -> Response:
    """One metric: how it scores, what it judges."""
    scope, registry = current_scope(), runtime().registry
    project = project_by_slug(scope, slug)
    view = _metric(project, metric_id)
    spec = registry.evaluators.get(view.evaluator)
    fields = fields_of(spec.params) if spec else ()
    requirements = queries.list_judged_requirements(scope, metric_id)
    attacked = latest_attack_suite(scope, metric_id) if Need.JUDGE in view.needs else None
    return _page("show", project, metric=view, fields=fields, requirements=requirements, attacked=attacked)


@blueprint.get("/p/<slug>/metrics/<uuid:metric_id>/edit")
@needs(Permission.METRIC_WRITE)
def edit(slug: str, metric_id: UUID) -> Response:
    """The form of a metric."""
    project = project_by_slug(current_scope(), slug)
    view = _metric(project, metric_id)
    spec = spec_of(runtime().registry, view.evaluator)
    form = _on_stored(project, forms.form_of(view))
    return form_page(MetricPage(project=project, spec=spec, form=form, metric=view))


@blueprint.post("/p/<slug>/metrics/<uuid:metric_id>")
@needs(Permission.METRIC_WRITE)
def update(slug: str, metric_id: UUID) -> Response:
    """Change a metric; past runs keep theirs."""
    scope, registry = current_scope(), runtime().registry
    project = project_by_slug(scope, slug)
    stored = _metric(project, metric_id)
    page = _sent(project, stored)
    try:
        changes, if_match = forms.metric_changes(page.spec, page.form, stored), page.form.etag or None
        view = actions.update_metric(scope, registry, metric_id, changes, if_match=if_match)
    except AppError as error:
        return form_page(page, error=error)
    say(f"“{view.name}” was saved. Past runs keep it as it was.")
    return go_to(url_for("metrics.show", slug=slug, metric_id=metric_id))


@blueprint.post("/p/<slug>/metrics/<uuid:metric_id>/newest-prompt")
@needs(Permission.METRIC_WRITE)
def use_newest(slug: str, metric_id: UUID) -> Response:
    """Take the criteria from the newest version of the metric's prompt."""
    scope, here = current_scope(), url_for("metrics.show", slug=slug, metric_id=metric_id)
    source = _metric(project_by_slug(scope, slug), metric_id).prompt_source
    if source is None:
        raise Conflict("This metric's criteria are written here: there is no prompt to take a newer version from.")
    newest = get_prompt(scope, source.prompt_id)
    changes = actions.MetricChanges(prompt_version_id=newest.version_id)
    try:
        actions.update_metric(scope, runtime().registry, metric_id, changes)
    except Invalid as error:
        say(error.detail, kind="failed")
        return go_to(here)
    say(f"It judges by version {newest.version} now. Past runs keep what they judged by.")
    return go_to(here)


@blueprint.post("/p/<slug>/metrics/<uuid:metric_id>/archive")
@needs(Permission.METRIC_DELETE)
def archive(slug: str, metric_id: UUID) -> Response:
    """Put a metric aside."""
    _metric(project_by_slug(current_scope(), slug), metric_id)
    view = actions.archive_metric(current_scope(), runtime().registry, metric_id)
    say(f"“{view.name}” was archived.", undo_url=url_for("metrics.restore", slug=slug, metric_id=metric_id))
    return go_to(url_for("metrics.index", slug=slug))


@blueprint.post("/p/<slug>/metrics/<uuid:metric_id>/restore")
@needs(Permission.METRIC_DELETE)
def restore(slug: str, metric_id: UUID) -> Response:
    """Bring a metric back."""
    _metric(project_by_slug(current_scope(), slug), metric_id)
    here = url_for("metrics.show", slug=slug, metric_id=metric_id)
    try:
        view = actions.restore_metric(current_scope(), runtime().registry, metric_id)
    except Conflict as error:
        say(error.detail, kind="failed")
        return go_to(here)
    say(f"“{view.name}” is back.")
    return go_to(here)


def _metric(project: ProjectView, metric_id: UUID) -> queries.MetricView:
    view = queries.get_metric(current_scope(), runtime().registry, metric_id)
    if view.project_id != project.id:
        raise NotFound("There is no such metric in this project.")
    return view


def _sent(project: ProjectView, view: queries.MetricView | None) -> MetricPage:
    """The form that was sent, of a new metric or of one that is there."""
    spec = spec_of(runtime().registry, view.evaluator if view else request.form.get("evaluator", ""))
    return MetricPage(project=project, spec=spec, form=forms.metric_form(spec, request.form), metric=view)


def _tried(page: MetricPage) -> metric_trials.TrialView:
    """What the metric says of the sample; the connection is given back, because a judge or a plugin takes its time."""
    scope, host, sample = current_scope(), runtime(), page.form.sample
    draft = forms.metric_draft(page.project.id, page.spec, page.form, page.metric)
    result_id = forms.id_in(sample.result_id)
    stored = stored_sample(scope, result_id, project_id=page.project.id) if result_id else None
    exchange = forms.tried_exchange(sample, stored)
    trial = metric_trials.prepare_trial(scope, host.registry, host.judges, draft, exchange)
    release_connection()
    with callout_slot() if trial.asks_a_model else nullcontext():
        return metric_trials.score_trial(trial)


def _on_stored(project: ProjectView, form: forms.MetricForm) -> forms.MetricForm:
    """The form with the stored result that `?result=` names, or that was chosen in it, as its sample."""
    chosen = request.form.get("stored", "") or request.args.get("result", "")
    result_id = forms.id_in(chosen)
    if result_id is None:
        return form
    sample = stored_sample(current_scope(), result_id, project_id=project.id)
    return replace(form, sample=forms.SampleForm.of(result_id, sample))


def _tried_on(project: ProjectView) -> dict[str, Any]:
    """Where a metric is chosen for a stored result: the result, and the metrics that there are."""
    result_id = forms.id_in(request.args.get("result", ""))
    if result_id is None:
        return {"result_id": None, "metrics": ()}
    stored_sample(current_scope(), result_id, project_id=project.id)
    metrics = queries.list_metric_choices(current_scope(), runtime().registry, project.id)
    return {"result_id": result_id, "metrics": metrics}


def _page(name: str, project: ProjectView, **views: Any) -> Response:
    scope = current_scope()
    return render_page(
        f"metrics/{name}.html",
        section="metrics",
        project=project,
        can_write=scope.may(Permission.METRIC_WRITE, project=project.id),
        can_archive=scope.may(Permission.METRIC_DELETE, project=project.id),
        now=scope.now,
        **views,
    )
