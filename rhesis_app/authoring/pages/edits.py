"""Changing many tests from their list."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.authoring.actions.edit_many import edit_tests
from rhesis_app.authoring.forms import edits as forms
from rhesis_app.authoring.queries.edits import TestEditView, view_edit
from rhesis_app.kernel.errors import AppError, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to, nothing_new
from rhesis_app.web.pages import render_fragment, render_page, say
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("test_edits", __name__)


@blueprint.post("/p/<slug>/tests/edits")
@needs(Permission.TEST_WRITE)
def edit(slug: str) -> Response:
    """Change the tests that were chosen: a few at once, many in the background."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    scope.require(Permission.TEST_WRITE, project=project.id)
    back = url_for("tests.index", slug=slug, **forms.kept_filters(request.form))  # type: ignore[arg-type]
    try:
        view = edit_tests(scope, forms.new_edit(project.id, request.form))
    except AppError as error:
        say(" ".join(text for texts in error.errors.values() for text in texts) or error.detail, kind="failed")
        return go_to(back)
    if not view.is_finished:
        return go_to(url_for("test_edits.show", slug=slug, edit_id=view.id))
    _say_done(view)
    return go_to(back)


@blueprint.get("/p/<slug>/tests/edits/<uuid:edit_id>")
@needs(Permission.TEST_READ)
def show(slug: str, edit_id: UUID) -> Response:
    """How far a change to many tests is, or how it ended."""
    project, view = _edit(slug, edit_id)
    return render_page("tests/edit_many.html", section="tests", project=project, edit=view)


@blueprint.get("/p/<slug>/tests/edits/<uuid:edit_id>/progress")
@needs(Permission.TEST_READ)
def progress(slug: str, edit_id: UUID) -> Response:
    """The same as a fragment, for the page that watches it; nothing while nothing has changed."""
    project, view = _edit(slug, edit_id)
    if request.args.get("seen") == f"{view.status}-{view.progress}":
        return nothing_new()
    return render_fragment("tests/_edit.html", project=project, edit=view)


def _edit(slug: str, edit_id: UUID) -> tuple[ProjectView, TestEditView]:
    project, view = project_by_slug(current_scope(), slug), view_edit(current_scope(), edit_id)
    if view.project_id != project.id:
        raise NotFound("There is no such change in this project.")
    return project, view


def _say_done(view: TestEditView) -> None:
    tests = "test" if view.matched == 1 else "tests"
    if view.changed == view.matched:
        say(f"{view.matched:,} {tests} changed. Past runs keep them as they were.")
    else:
        say(f"{view.changed or 0:,} of {view.matched:,} {tests} changed; the others were like this already.")
