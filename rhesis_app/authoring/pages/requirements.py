"""Pages of requirements."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.authoring.actions import requirements as actions
from rhesis_app.authoring.forms import requirements as forms
from rhesis_app.authoring.queries import requirements as queries
from rhesis_app.authoring.queries.metrics import list_metric_choices
from rhesis_app.kernel.errors import AppError, Conflict, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("requirements", __name__)


@blueprint.get("/p/<slug>/requirements")
@needs(Permission.REQUIREMENT_READ)
def index(slug: str) -> Response:
    """The requirements of a project."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    chosen = queries.RequirementFilter(
        project_id=project.id, q=request.args.get("q", ""), archived="archived" in request.args
    )
    page = queries.list_requirements(scope, page_request(cursor=request.args.get("cursor")), chosen)
    return _page("index", project, page=page, links=page_links(page), chosen=chosen)


@blueprint.get("/p/<slug>/requirements/new")
@needs(Permission.REQUIREMENT_WRITE)
def new(slug: str) -> Response:
    """The form of a new requirement."""
    return _form_page(project_by_slug(current_scope(), slug), forms.RequirementForm())


@blueprint.post("/p/<slug>/requirements")
@needs(Permission.REQUIREMENT_WRITE)
def create(slug: str) -> Response:
    """Make a requirement and show it."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.requirement_form(request.form)
    try:
        view = actions.create_requirement(scope, forms.new_requirement(project.id, form))
    except AppError as error:
        return _form_page(project, form, error=error)
    say(f"“{view.name}” was created.")
    return go_to(url_for("requirements.show", slug=slug, requirement_id=view.id))


@blueprint.get("/p/<slug>/requirements/<uuid:requirement_id>")
@needs(Permission.REQUIREMENT_READ)
def show(slug: str, requirement_id: UUID) -> Response:
    """One requirement with its metrics."""
    project = project_by_slug(current_scope(), slug)
    return _page("show", project, requirement=_requirement(project, requirement_id))


@blueprint.get("/p/<slug>/requirements/<uuid:requirement_id>/edit")
@needs(Permission.REQUIREMENT_WRITE)
def edit(slug: str, requirement_id: UUID) -> Response:
    """The form of a requirement."""
    project = project_by_slug(current_scope(), slug)
    view = _requirement(project, requirement_id)
    return _form_page(project, forms.form_of(view), view=view)


@blueprint.post("/p/<slug>/requirements/<uuid:requirement_id>")
@needs(Permission.REQUIREMENT_WRITE)
def update(slug: str, requirement_id: UUID) -> Response:
    """Change a requirement."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.requirement_form(request.form)
    view = _requirement(project, requirement_id)
    try:
        changes = forms.requirement_changes(form)
        view = actions.update_requirement(scope, requirement_id, changes, if_match=form.etag or None)
    except AppError as error:
        return _form_page(project, form, view=view, error=error)
    say(f"“{view.name}” was saved.")
    return go_to(url_for("requirements.show", slug=slug, requirement_id=requirement_id))


@blueprint.post("/p/<slug>/requirements/<uuid:requirement_id>/archive")
@needs(Permission.REQUIREMENT_DELETE)
def archive(slug: str, requirement_id: UUID) -> Response:
    """Put a requirement aside."""
    _requirement(project_by_slug(current_scope(), slug), requirement_id)
    view = actions.archive_requirement(current_scope(), requirement_id)
    undo = url_for("requirements.restore", slug=slug, requirement_id=requirement_id)
    say(f"“{view.name}” was archived.", undo_url=undo)
    return go_to(url_for("requirements.index", slug=slug))


@blueprint.post("/p/<slug>/requirements/<uuid:requirement_id>/restore")
@needs(Permission.REQUIREMENT_DELETE)
def restore(slug: str, requirement_id: UUID) -> Response:
    """Bring a requirement back."""
    _requirement(project_by_slug(current_scope(), slug), requirement_id)
    here = url_for("requirements.show", slug=slug, requirement_id=requirement_id)
    try:
        view = actions.restore_requirement(current_scope(), requirement_id)
    except Conflict as error:
        say(error.detail, kind="failed")
        return go_to(here)
    say(f"“{view.name}” is back.")
    return go_to(here)


def _requirement(project: ProjectView, requirement_id: UUID) -> queries.RequirementView:
    view = queries.get_requirement(current_scope(), requirement_id)
    if view.project_id != project.id:
        raise NotFound("There is no such requirement in this project.")
    return view


def _page(name: str, project: ProjectView, **views: Any) -> Response:
    scope = current_scope()
    return render_page(
        f"requirements/{name}.html",
        section="requirements",
        project=project,
        can_write=scope.may(Permission.REQUIREMENT_WRITE, project=project.id),
        can_archive=scope.may(Permission.REQUIREMENT_DELETE, project=project.id),
        now=scope.now,
        **views,
    )


def _form_page(
    project: ProjectView,
    form: forms.RequirementForm,
    *,
    view: queries.RequirementView | None = None,
    error: AppError | None = None,
) -> Response:
    scope = current_scope()
    scope.require(Permission.REQUIREMENT_WRITE, project=project.id)
    choices = list_metric_choices(scope, runtime().registry, project.id)
    return render_page(
        "requirements/form.html",
        section="requirements",
        project=project,
        status=error.status if error else 200,
        requirement=view,
        form=form,
        metrics=_options(choices),
        errors=error.errors if error else {},
        message=error.detail if error else "",
    )


def _options(choices: Sequence[Any]) -> list[tuple[str, str, str]]:
    return [(str(choice.id), choice.name, choice.evaluator_title) for choice in choices]
