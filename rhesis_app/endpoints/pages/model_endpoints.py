"""Pages of endpoints that are a model with a prompt."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.authoring.queries.prompt_choices import list_version_choices, text_of_version
from rhesis_app.endpoints.actions import calls
from rhesis_app.endpoints.actions import model_endpoints as actions
from rhesis_app.endpoints.actions.exchange import Exchange
from rhesis_app.endpoints.actions.fields import Tools
from rhesis_app.endpoints.actions.model_endpoints import ChosenPrompt
from rhesis_app.endpoints.forms import model_endpoints as forms
from rhesis_app.endpoints.forms.model_endpoints import ModelEndpointForm
from rhesis_app.endpoints.queries.endpoints import EndpointView, get_endpoint
from rhesis_app.endpoints.queries.models import list_model_choices
from rhesis_app.endpoints.rules import MAX_CONCURRENCY, TIMEOUT_S
from rhesis_app.endpoints.rules.models import money
from rhesis_app.kernel.errors import AppError
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.scope import current_scope, release_connection, runtime
from rhesis_app.web.waiting import callout_slot

blueprint = Blueprint("model_endpoints", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A test call on the page."""

    exchange: Exchange
    cost: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A state of the page: the form, the endpoint unless it is being made, what a call gave, what is wrong."""

    form: ModelEndpointForm
    view: EndpointView | None = None
    trial: Trial | None = None
    error: AppError | None = None
    is_call: bool = False


@blueprint.get("/p/<slug>/endpoints/model")
@needs(Permission.ENDPOINT_WRITE)
def new(slug: str) -> Response:
    """The form of a new one; `?prompt_version=` and `?model=` choose in it."""
    project = project_by_slug(current_scope(), slug)
    chosen = ModelEndpointForm(
        prompt_version_id=request.args.get("prompt_version", ""), model_id=request.args.get("model", "")
    )
    return _page(project, Shown(form=chosen))


@blueprint.post("/p/<slug>/endpoints/model")
@needs(Permission.ENDPOINT_WRITE)
def create(slug: str) -> Response:
    """Save a new one and go on to a first check of it."""
    project, form = project_by_slug(current_scope(), slug), forms.form_from(request.form)
    try:
        new = forms.new_model_endpoint(form, project.id, _prompt(project, form))
        view = actions.create_model_endpoint(current_scope(), new)
    except AppError as error:
        return _page(project, Shown(form=form, error=error))
    say(f"“{view.name}” is connected. Give it a first check.")
    return go_to(f"/p/{slug}/quick-check?endpoint={view.id}")


@blueprint.get("/p/<slug>/endpoints/<uuid:endpoint_id>/model")
@needs(Permission.ENDPOINT_READ)
def show(slug: str, endpoint_id: UUID) -> Response:
    """One of them; an endpoint with a URL is shown in its workbench."""
    project = project_by_slug(current_scope(), slug)
    view = _endpoint(project, endpoint_id)
    if view.model is None:
        return go_to(url_for("endpoints.show", slug=slug, endpoint_id=endpoint_id))
    return _page(project, Shown(form=forms.form_of(view), view=view))


@blueprint.post("/p/<slug>/endpoints/<uuid:endpoint_id>/model")
@needs(Permission.ENDPOINT_WRITE)
def update(slug: str, endpoint_id: UUID) -> Response:
    """Save one."""
    project, form = project_by_slug(current_scope(), slug), forms.form_from(request.form)
    view = _endpoint(project, endpoint_id)
    try:
        changes, if_match = forms.model_endpoint_changes(form, _prompt(project, form, view)), form.etag or None
        actions.update_model_endpoint(current_scope(), endpoint_id, changes, if_match=if_match)
    except AppError as error:
        return _page(project, Shown(form=form, view=view, error=error))
    say("It was saved. Past runs keep it as it was.")
    return go_to(url_for("model_endpoints.show", slug=slug, endpoint_id=endpoint_id))


@blueprint.post("/p/<slug>/endpoints/model/try")
@blueprint.post("/p/<slug>/endpoints/<uuid:endpoint_id>/model/try")
@needs(Permission.ENDPOINT_INVOKE)
def try_call(slug: str, endpoint_id: UUID | None = None) -> Response:
    """Call with the form as it stands, saved or not."""
    project, form = project_by_slug(current_scope(), slug), forms.form_from(request.form)
    view = _endpoint(project, endpoint_id) if endpoint_id else None
    try:
        draft = forms.new_model_endpoint(form, project.id, _prompt(project, form, view))
        invocation = forms.sample_of(form)
        with callout_slot():
            prepared = actions.prepare_model_trial(current_scope(), _tools(), draft)
            release_connection()
            exchange = calls.invoke(runtime().door, prepared, invocation)
    except AppError as error:
        return _page(project, Shown(form=form, view=view, error=error, is_call=True))
    trial = Trial(exchange=exchange, cost=money(exchange.cost))
    return _page(project, Shown(form=form, view=view, trial=trial))


def _prompt(project: ProjectView, form: ModelEndpointForm, view: EndpointView | None = None) -> ChosenPrompt:
    """The version that was chosen with its text; the one that is saved stays, whatever became of its prompt."""
    version_id = forms.version_of(form)
    if view is not None and view.model is not None and view.model.prompt_version_id == version_id:
        return ChosenPrompt(version_id=version_id, text=view.request_template)
    return ChosenPrompt(version_id=version_id, text=text_of_version(current_scope(), project.id, version_id))


def _tools() -> Tools:
    return Tools(door=runtime().door, secrets=runtime().secrets)


def _endpoint(project: ProjectView, endpoint_id: UUID) -> EndpointView:
    return get_endpoint(current_scope(), endpoint_id, project_id=project.id)


def _page(project: ProjectView, shown: Shown) -> Response:
    scope, error, view = current_scope(), shown.error, shown.view
    if view is None:
        scope.require(Permission.ENDPOINT_WRITE, project=project.id)
    versions = list_version_choices(scope, project.id, _wanted(shown.form))
    where: dict[str, Any] = {"slug": project.slug, "endpoint_id": view.id} if view else {"slug": project.slug}
    return render_page(
        "endpoints/model.html",
        section="endpoints",
        project=project,
        status=error.status if error else 200,
        endpoint=view,
        form=shown.form,
        trial=shown.trial,
        models=[(str(one.id), f"{one.name} ({one.model_name})") for one in list_model_choices(scope, project.id)],
        versions=[(str(one.id), one.label) for one in versions],
        told=next((one for one in versions if view and view.model and one.id == view.model.prompt_version_id), None),
        bounds={"timeout_s": TIMEOUT_S, "max_concurrency": MAX_CONCURRENCY},
        call_problems=_sentences(error) if error and shown.is_call else (),
        errors=error.errors if error else {},
        message=error.detail if error and not error.errors else "",
        save_url=url_for("model_endpoints.update" if view else "model_endpoints.create", **where),
        try_url=url_for("model_endpoints.try_call", **where),
        can_write=scope.may(Permission.ENDPOINT_WRITE, project=project.id),
        can_archive=scope.may(Permission.ENDPOINT_DELETE, project=project.id),
        can_invoke=scope.may(Permission.ENDPOINT_INVOKE, project=project.id),
        now=scope.now,
    )


def _sentences(error: AppError) -> tuple[str, ...]:
    """What keeps a call from being made, for the box beside the form."""
    return tuple(text for texts in error.errors.values() for text in texts) or (error.detail,)


def _wanted(form: ModelEndpointForm) -> UUID | None:
    """The version to list besides the newest ones."""
    try:
        return UUID(form.prompt_version_id)
    except ValueError:
        return None
