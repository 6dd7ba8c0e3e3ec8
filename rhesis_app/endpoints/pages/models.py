"""The list of models, the ways to a new one, and a model with the test of its connection."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.endpoints.actions import model_trials, throttle
from rhesis_app.endpoints.actions import models as actions
from rhesis_app.endpoints.actions.fields import Tools
from rhesis_app.endpoints.actions.model_trials import ModelTrialView
from rhesis_app.endpoints.forms import models as forms
from rhesis_app.endpoints.forms.models import ModelForm
from rhesis_app.endpoints.queries import models as queries
from rhesis_app.endpoints.queries.models import ModelFilter, ModelView
from rhesis_app.endpoints.rules import MAX_CONCURRENCY, TIMEOUT_S
from rhesis_app.endpoints.rules.model_presets import MODEL_PRESETS, ModelPreset
from rhesis_app.kernel.errors import AppError, Conflict, Forbidden, Invalid, PreconditionFailed, TooMany
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.ports import WIRES
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, release_connection, runtime
from rhesis_app.web.waiting import callout_slot

blueprint = Blueprint("models", __name__)
_WIRE_WORDS = {"openai": "OpenAI-compatible chat completions", "anthropic": "Anthropic messages"}
assert set(_WIRE_WORDS) == set(WIRES)
_ABOUT_THE_FORM = (Invalid, Conflict, Forbidden, PreconditionFailed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A state of a model's page: the form, the saved model if there is one, and what came of a test."""

    form: ModelForm
    view: ModelView | None = None
    preset: ModelPreset = MODEL_PRESETS[-1]
    trial: ModelTrialView | None = None
    error: AppError | None = None


@blueprint.get("/p/<slug>/models")
@needs(Permission.MODEL_READ)
def index(slug: str) -> Response:
    """The models of a project."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    chosen = ModelFilter(project_id=project.id, archived="archived" in request.args)
    page = queries.list_models(scope, page_request(cursor=request.args.get("cursor")), chosen)
    views: dict[str, Any] = {
        "page": page,
        "links": page_links(page),
        "archived": chosen.archived,
        "lent": scope.lent_model,
    }
    return _page("index", project, wires=_WIRE_WORDS, **views)


@blueprint.get("/p/<slug>/models/new")
@needs(Permission.MODEL_WRITE)
def new(slug: str) -> Response:
    """Known kinds of servers, or with `?preset=` the form filled for one of them."""
    project = _writable(slug)
    preset = next((preset for preset in MODEL_PRESETS if preset.key == request.args.get("preset")), None)
    if preset is None:
        return _page("choose", project, presets=MODEL_PRESETS)
    return _show(project, Shown(form=forms.form_of_preset(preset), preset=preset))


@blueprint.post("/p/<slug>/models")
@needs(Permission.MODEL_WRITE)
def create(slug: str) -> Response:
    """Save a new model and show it, ready for a test."""
    project, form = project_by_slug(current_scope(), slug), forms.form_from(request.form)
    try:
        view = actions.create_model(current_scope(), _tools(), forms.new_model(form, project.id))
    except _ABOUT_THE_FORM as error:
        return _show(project, Shown(form=form, error=error))
    say(f"“{view.name}” was saved. Test its connection.")
    return go_to(url_for("models.show", slug=slug, model_id=view.id))


@blueprint.get("/p/<slug>/models/<uuid:model_id>")
@needs(Permission.MODEL_READ)
def show(slug: str, model_id: UUID) -> Response:
    """A model."""
    project = project_by_slug(current_scope(), slug)
    view = _model(project, model_id)
    return _show(project, Shown(form=forms.form_of(view), view=view))


@blueprint.post("/p/<slug>/models/<uuid:model_id>")
@needs(Permission.MODEL_WRITE)
def update(slug: str, model_id: UUID) -> Response:
    """Save a model; past runs keep theirs."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.form_from(request.form)
    view = _model(project, model_id)
    try:
        changes = forms.model_changes(form, project.id)
        view = actions.update_model(scope, _tools(), model_id, changes, if_match=form.etag or None)
    except _ABOUT_THE_FORM as error:
        return _show(project, Shown(form=form, view=view, error=error))
    say(" ".join([f"“{view.name}” was saved.", *view.warnings]), kind="error" if view.warnings else "passed")
    return go_to(url_for("models.show", slug=slug, model_id=model_id))


@blueprint.post("/p/<slug>/models/<uuid:model_id>/test")
@needs(Permission.MODEL_WRITE)
def test(slug: str, model_id: UUID) -> Response:
    """Ask the saved model one small question."""
    project = project_by_slug(current_scope(), slug)
    view = _model(project, model_id)
    shown = Shown(form=forms.form_of(view), view=view)
    try:
        with callout_slot():
            prepared = model_trials.prepare_model_trial(current_scope(), runtime().judges, model_id)
            release_connection()
            trial = model_trials.try_model(runtime().models, prepared)
    except TooMany as error:
        say(error.detail, kind="failed")
        return go_to(url_for("models.show", slug=slug, model_id=model_id))
    return _show(project, Shown(form=shown.form, view=view, trial=trial))


@blueprint.post("/p/<slug>/models/<uuid:model_id>/default")
@needs(Permission.MODEL_WRITE)
def make_default(slug: str, model_id: UUID) -> Response:
    """Let this model judge for metrics that choose none."""
    _model(project_by_slug(current_scope(), slug), model_id)
    try:
        view = actions.update_model(current_scope(), _tools(), model_id, actions.ModelChanges(is_default=True))
    except (Conflict, Invalid) as error:
        say(error.detail, kind="failed")
    else:
        say(f"“{view.name}” judges now where a metric chooses no model.")
    return go_to(url_for("models.show", slug=slug, model_id=model_id))


@blueprint.post("/p/<slug>/models/<uuid:model_id>/archive")
@needs(Permission.MODEL_DELETE)
def archive(slug: str, model_id: UUID) -> Response:
    """Put a model aside."""
    _model(project_by_slug(current_scope(), slug), model_id)
    view = actions.archive_model(current_scope(), model_id)
    say(f"“{view.name}” was archived.", undo_url=url_for("models.restore", slug=slug, model_id=model_id))
    return go_to(url_for("models.index", slug=slug))


@blueprint.post("/p/<slug>/models/<uuid:model_id>/restore")
@needs(Permission.MODEL_DELETE)
def restore(slug: str, model_id: UUID) -> Response:
    """Bring a model back."""
    _model(project_by_slug(current_scope(), slug), model_id)
    try:
        view = actions.restore_model(current_scope(), model_id)
    except (Conflict, Invalid) as error:
        say(error.detail, kind="failed")
    else:
        say(f"“{view.name}” is back.")
    return go_to(url_for("models.show", slug=slug, model_id=model_id))


@blueprint.post("/p/<slug>/models/<uuid:model_id>/throttle/reset")
@needs(Permission.MODEL_WRITE)
def reset_throttle(slug: str, model_id: UUID) -> Response:
    """Call a model again that was left alone."""
    _model(project_by_slug(current_scope(), slug), model_id)
    view = throttle.reset_model_throttle(current_scope(), model_id)
    say(f"“{view.name}” is called again: its runs go on within ten seconds.")
    return go_to(url_for("models.show", slug=slug, model_id=model_id))


def _tools() -> Tools:
    return Tools(door=runtime().door, secrets=runtime().secrets)


def _writable(slug: str) -> ProjectView:
    scope = current_scope()
    project = project_by_slug(scope, slug)
    scope.require(Permission.MODEL_WRITE, project=project.id)
    return project


def _model(project: ProjectView, model_id: UUID) -> ModelView:
    return queries.get_model(current_scope(), model_id, project_id=project.id)


def _show(project: ProjectView, shown: Shown) -> Response:
    error = shown.error
    return _page(
        "show",
        project,
        status=error.status if error else 200,
        model=shown.view,
        form=shown.form,
        preset=shown.preset,
        trial=shown.trial,
        wires=list(_WIRE_WORDS.items()),
        bounds={"timeout_s": TIMEOUT_S, "max_concurrency": MAX_CONCURRENCY},
        key_hint=_key_hint(shown.view),
        errors=error.errors if error else {},
        message=error.detail if error and not error.errors else "",
    )


def _key_hint(view: ModelView | None) -> str:
    if view is not None and view.key_origin is not None:
        return f"Kept encrypted, and sent only to {view.key_origin}. Another scheme, host or port clears it."
    return (
        "Kept encrypted, and sent only to this base URL's scheme, host and port. Leave it empty where none is needed."
    )


def _page(name: str, project: ProjectView, *, status: int = 200, **views: Any) -> Response:
    scope = current_scope()
    return render_page(
        f"models/{name}.html",
        section="models",
        project=project,
        status=status,
        can_write=scope.may(Permission.MODEL_WRITE, project=project.id),
        can_archive=scope.may(Permission.MODEL_DELETE, project=project.id),
        can_keep_key=scope.may(Permission.MODEL_SECRET, project=project.id),
        now=scope.now,
        **views,
    )
