"""Pages of imports: choose a file, look at what it becomes, confirm."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.authoring.actions import imports as actions
from rhesis_app.authoring.forms import imports as forms
from rhesis_app.authoring.queries import imports as queries
from rhesis_app.authoring.rules.import_sources import extensions_of, formats_of
from rhesis_app.kernel.errors import AppError, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.notifications.queries.background import latest_job
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to, nothing_new
from rhesis_app.web.pages import render_fragment, render_page, say
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("imports", __name__)


@blueprint.get("/p/<slug>/imports/new")
@needs(Permission.TEST_SET_WRITE)
def new(slug: str) -> Response:
    """The form that takes a file."""
    return _upload_page(project_by_slug(current_scope(), slug), forms.UploadForm())


@blueprint.post("/p/<slug>/imports")
@needs(Permission.TEST_SET_WRITE)
def create(slug: str) -> Response:
    """Read the file and show what it would become."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.upload_form(request.form)
    try:
        upload = forms.new_import(project.id, form, request.files.get("file"))
        view = actions.start_import(scope, runtime().registry, upload)
    except AppError as error:
        return _upload_page(project, form, error=error)
    return go_to(url_for("imports.show", slug=slug, import_id=view.id))


@blueprint.get("/p/<slug>/imports/<uuid:import_id>")
@needs(Permission.TEST_SET_WRITE)
def show(slug: str, import_id: UUID) -> Response:
    """An upload: what its columns mean, its problems, its first tests."""
    project = project_by_slug(current_scope(), slug)
    view = _import(project, import_id)
    if view.test_set_id is not None:
        return go_to(url_for("test_sets.show", slug=slug, test_set_id=view.test_set_id))
    job = latest_job(current_scope(), actions.CONFIRM, import_id)
    if job is not None and not job.is_finished:
        return _page("running", project, None, view=view, job=job)
    return _preview_page(project, view, failure=job.error_detail or "" if job is not None else "")


@blueprint.get("/p/<slug>/imports/<uuid:import_id>/progress")
@needs(Permission.TEST_SET_WRITE)
def progress(slug: str, import_id: UUID) -> Response:
    """How far a large import is, as a fragment; when it has ended, on to what it made or to why it failed."""
    project = project_by_slug(current_scope(), slug)
    row = queries.live_import(current_scope(), import_id)
    job = latest_job(current_scope(), actions.CONFIRM, import_id)
    if row.project_id != project.id:
        raise NotFound(queries.GONE)
    if job is None or job.is_finished:
        return go_to(url_for("imports.show", slug=slug, import_id=import_id))
    if request.args.get("seen") == f"{job.status}-{job.progress}":
        return nothing_new()
    return render_fragment("imports/_progress.html", project=project, import_id=import_id, job=job)


@blueprint.post("/p/<slug>/imports/<uuid:import_id>")
@needs(Permission.TEST_SET_WRITE)
def update(slug: str, import_id: UUID) -> Response:
    """Say what columns mean and how the test set is called; with the button Import, confirm as well."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    view = _import(project, import_id)
    here = url_for("imports.show", slug=slug, import_id=import_id)
    if view.test_set_id is not None:
        return go_to(here)
    name, mapping = request.form.get("test_set_name", ""), forms.mapping_of(view, request.form)
    try:
        actions.update_import(scope, import_id, mapping=mapping, test_set_name=name)
        if request.form.get("then") != "confirm":
            return go_to(here)
        if view.ready > actions.IN_BACKGROUND:
            actions.confirm_in_background(scope, import_id)
            return go_to(here)
        made = actions.confirm_import(scope, import_id)
    except AppError as error:
        return _preview_page(project, _import(project, import_id), error=error, test_set_name=name)
    say(f"{made.test_count:,} tests were imported as version {made.version}.")
    return go_to(url_for("test_sets.show", slug=slug, test_set_id=made.test_set_id))


def _import(project: ProjectView, import_id: UUID) -> queries.ImportView:
    view = queries.get_import(current_scope(), import_id)
    if view.project_id != project.id:
        raise NotFound(queries.GONE)
    return view


def _upload_page(project: ProjectView, form: forms.UploadForm, *, error: AppError | None = None) -> Response:
    current_scope().require(Permission.TEST_SET_WRITE, project=project.id)
    registry = runtime().registry
    return _page(
        "new", project, error, form=form, formats=formats_of(registry), accept=",".join(extensions_of(registry))
    )


def _preview_page(
    project: ProjectView, view: queries.ImportView, *, error: AppError | None = None, **shown: str
) -> Response:
    """`shown` may hold `test_set_name`, as it was typed, and `failure`, why the last attempt in the background failed."""
    usual = {"test_set_name": view.test_set_name, "failure": ""}
    return _page("show", project, error, view=view, columns=forms.column_rows(view), **(usual | shown))


def _page(name: str, project: ProjectView, error: AppError | None, **views: Any) -> Response:
    return render_page(
        f"imports/{name}.html",
        section="test_sets",
        project=project,
        status=error.status if error else 200,
        errors=error.errors if error else {},
        message=error.detail if error else "",
        **views,
    )
