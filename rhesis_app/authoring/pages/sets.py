"""Pages of test sets."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.authoring.actions import set_items as items
from rhesis_app.authoring.actions import sets as actions
from rhesis_app.authoring.forms import sets as forms
from rhesis_app.authoring.forms.tests import test_filter
from rhesis_app.authoring.queries import sets as queries
from rhesis_app.authoring.queries.exports import open_export
from rhesis_app.authoring.queries.metrics import list_metric_choices
from rhesis_app.authoring.queries.tests import list_test_lines
from rhesis_app.kernel.errors import AppError, Conflict, Invalid, NotFound
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("test_sets", __name__)


@blueprint.get("/p/<slug>/test-sets")
@needs(Permission.TEST_SET_READ)
def index(slug: str) -> Response:
    """The test sets of a project."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    chosen = queries.TestSetFilter(
        project_id=project.id, q=request.args.get("q", ""), archived="archived" in request.args
    )
    page = queries.list_test_sets(scope, page_request(cursor=request.args.get("cursor")), chosen)
    return _page("index", project, page=page, links=page_links(page), chosen=chosen)


@blueprint.get("/p/<slug>/test-sets/new")
@needs(Permission.TEST_SET_WRITE)
def new(slug: str) -> Response:
    """The form of a new test set."""
    return _form_page(project_by_slug(current_scope(), slug), forms.TestSetForm())


@blueprint.post("/p/<slug>/test-sets")
@needs(Permission.TEST_SET_WRITE)
def create(slug: str) -> Response:
    """Make a test set and show it."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.test_set_form(request.form)
    try:
        view = actions.create_test_set(scope, forms.new_test_set(project.id, form))
    except AppError as error:
        return _form_page(project, form, error=error)
    say(f"“{view.name}” was created. Add tests to it.")
    return go_to(url_for("test_sets.show", slug=slug, test_set_id=view.id))


@blueprint.get("/p/<slug>/test-sets/<uuid:test_set_id>")
@needs(Permission.TEST_SET_READ)
def show(slug: str, test_set_id: UUID) -> Response:
    """One test set: its tests, metrics and versions."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    view = _test_set(project, test_set_id)
    args = request.args.copy()
    args["test_set"] = str(test_set_id)
    args.poplist("archived")
    chosen = test_filter(args, project.id)
    page = list_test_lines(scope, page_request(cursor=request.args.get("cursor")), chosen)
    return _page(
        "show",
        project,
        test_set=view,
        page=page,
        links=page_links(page),
        chosen=chosen,
        versions=queries.versions_of(scope, test_set_id, PageRequest(limit=5)),
        coverage=queries.coverage_of(scope, test_set_id),
        can_run=scope.may(Permission.RUN_EXECUTE, project=project.id),
    )


@blueprint.get("/p/<slug>/test-sets/<uuid:test_set_id>/versions")
@needs(Permission.TEST_SET_READ)
def versions(slug: str, test_set_id: UUID) -> Response:
    """Every version of a test set."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    view = _test_set(project, test_set_id)
    page = queries.versions_of(scope, test_set_id, page_request(cursor=request.args.get("cursor")))
    return _page("versions", project, test_set=view, page=page, links=page_links(page))


@blueprint.get("/p/<slug>/test-sets/<uuid:test_set_id>/edit")
@needs(Permission.TEST_SET_WRITE)
def edit(slug: str, test_set_id: UUID) -> Response:
    """The form of a test set."""
    project = project_by_slug(current_scope(), slug)
    view = _test_set(project, test_set_id)
    return _form_page(project, forms.form_of(view), view=view)


@blueprint.post("/p/<slug>/test-sets/<uuid:test_set_id>")
@needs(Permission.TEST_SET_WRITE)
def update(slug: str, test_set_id: UUID) -> Response:
    """Change a test set."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.test_set_form(request.form)
    view = _test_set(project, test_set_id)
    try:
        changes = forms.test_set_changes(form)
        view = actions.update_test_set(scope, test_set_id, changes, if_match=form.etag or None)
    except AppError as error:
        return _form_page(project, form, view=view, error=error)
    say(f"“{view.name}” was saved.")
    return go_to(url_for("test_sets.show", slug=slug, test_set_id=test_set_id))


@blueprint.post("/p/<slug>/test-sets/<uuid:test_set_id>/versions")
@needs(Permission.TEST_SET_WRITE)
def save_version(slug: str, test_set_id: UUID) -> Response:
    """Save the tests as they are now."""
    _test_set(project_by_slug(current_scope(), slug), test_set_id)
    try:
        made = actions.save_version(current_scope(), test_set_id)
    except (Conflict, Invalid) as error:
        say(error.detail, kind="failed")
    else:
        say(f"The tests as they are now are version {made.number}.")
    return go_to(url_for("test_sets.show", slug=slug, test_set_id=test_set_id))


@blueprint.post("/p/<slug>/test-sets/<uuid:test_set_id>/tests/<uuid:test_id>/remove")
@needs(Permission.TEST_SET_WRITE)
def remove_test(slug: str, test_set_id: UUID, test_id: UUID) -> Response:
    """Take a test out of the set."""
    _test_set(project_by_slug(current_scope(), slug), test_set_id)
    view = items.remove_tests(current_scope(), test_set_id, [test_id])
    say(f"The test was taken out of “{view.name}”. It is kept among the project's tests.")
    return go_to(url_for("test_sets.show", slug=slug, test_set_id=test_set_id))


@blueprint.post("/p/<slug>/test-sets/<uuid:test_set_id>/archive")
@needs(Permission.TEST_SET_DELETE)
def archive(slug: str, test_set_id: UUID) -> Response:
    """Put a test set aside."""
    _test_set(project_by_slug(current_scope(), slug), test_set_id)
    view = actions.archive_test_set(current_scope(), test_set_id)
    undo = url_for("test_sets.restore", slug=slug, test_set_id=test_set_id)
    say(f"“{view.name}” was archived.", undo_url=undo)
    return go_to(url_for("test_sets.index", slug=slug))


@blueprint.post("/p/<slug>/test-sets/<uuid:test_set_id>/restore")
@needs(Permission.TEST_SET_DELETE)
def restore(slug: str, test_set_id: UUID) -> Response:
    """Bring a test set back."""
    _test_set(project_by_slug(current_scope(), slug), test_set_id)
    here = url_for("test_sets.show", slug=slug, test_set_id=test_set_id)
    try:
        view = actions.restore_test_set(current_scope(), test_set_id)
    except (Conflict, Invalid) as error:
        say(error.detail, kind="failed")
        return go_to(here)
    say(f"“{view.name}” is back.")
    return go_to(here)


@blueprint.get("/p/<slug>/test-sets/<uuid:test_set_id>/export/<any(jsonl, csv):file_format>")
@needs(Permission.TEST_SET_READ)
def export(slug: str, test_set_id: UUID, file_format: Any) -> Response:
    """The tests as a file; `?version=` takes those of a version."""
    project = project_by_slug(current_scope(), slug)
    _test_set(project, test_set_id)
    number = request.args.get("version", type=int)
    found = open_export(current_scope(), test_set_id, file_format, version=number)
    return download(found.write, name=found.file_name, media_type=found.media_type)


def _test_set(project: ProjectView, test_set_id: UUID) -> queries.TestSetView:
    view = queries.get_test_set(current_scope(), test_set_id)
    if view.project_id != project.id:
        raise NotFound("There is no such test set in this project.")
    return view


def _page(name: str, project: ProjectView, **views: Any) -> Response:
    scope = current_scope()
    return render_page(
        f"test_sets/{name}.html",
        section="test_sets",
        project=project,
        can_write=scope.may(Permission.TEST_SET_WRITE, project=project.id),
        can_archive=scope.may(Permission.TEST_SET_DELETE, project=project.id),
        now=scope.now,
        **views,
    )


def _form_page(
    project: ProjectView,
    form: forms.TestSetForm,
    *,
    view: queries.TestSetView | None = None,
    error: AppError | None = None,
) -> Response:
    scope = current_scope()
    scope.require(Permission.TEST_SET_WRITE, project=project.id)
    choices = list_metric_choices(scope, runtime().registry, project.id)
    return render_page(
        "test_sets/form.html",
        section="test_sets",
        project=project,
        status=error.status if error else 200,
        test_set=view,
        form=form,
        metrics=[(str(choice.id), choice.name, choice.evaluator_title) for choice in choices],
        errors=error.errors if error else {},
        message=error.detail if error else "",
    )
