"""Pages of tests."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.authoring.actions import tests as actions
from rhesis_app.authoring.actions.set_items import AddedTests, add_tests
from rhesis_app.authoring.forms import tests as forms
from rhesis_app.authoring.forms.edits import kept_filters
from rhesis_app.authoring.queries import tests as queries
from rhesis_app.authoring.queries.narrowing import COUNTED_TO
from rhesis_app.authoring.queries.prompt_choices import PromptChoice, TakenVersion, list_prompt_choices, taken_version
from rhesis_app.authoring.queries.sets import TestSetChoice, list_test_set_choices
from rhesis_app.authoring.rules.tests import PromptSource
from rhesis_app.kernel.errors import AppError, Conflict, Invalid, NotFound
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("tests", __name__)


@blueprint.get("/p/<slug>/tests")
@needs(Permission.TEST_READ)
def index(slug: str) -> Response:
    """The tests of a project."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    chosen = forms.test_filter(request.args, project.id)
    requirements = queries.list_requirement_choices(scope, project.id)
    page = queries.list_test_lines(scope, page_request(cursor=request.args.get("cursor"), count=True), chosen)
    return _page(
        "index",
        project,
        page=page,
        counted_to=COUNTED_TO,
        links=page_links(page),
        chosen=chosen,
        requirements=_options("Every requirement", requirements),
        requirement_names=[(f"name:{one.name}", one.name) for one in requirements],
        edit_key=new_id(),
        filters_kept=kept_filters(request.args),
        test_sets=_options("Every test set", list_test_set_choices(scope, project.id)),
    )


@blueprint.get("/p/<slug>/tests/new")
@needs(Permission.TEST_WRITE)
def new(slug: str) -> Response:
    """The form of a new test; `?test_set=`, `?requirement=` and `?prompt=` fill it in."""
    filled = forms.TestForm(
        test_set=request.args.get("test_set", ""),
        requirement=request.args.get("requirement", ""),
        prompt_id=request.args.get("prompt", ""),
    )
    return _form_page(project_by_slug(current_scope(), slug), filled)


@blueprint.post("/p/<slug>/tests")
@needs(Permission.TEST_WRITE)
def create(slug: str) -> Response:
    """Make a test, in a test set where one was chosen."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.test_form(request.form)
    test_set_id = forms.uuid_or_none(form.test_set)
    try:
        content = forms.content_of(form, _taken(project, form))
        if test_set_id is None:
            view = actions.create_test(scope, project.id, content)
            say("The test was created.")
            return go_to(url_for("tests.show", slug=slug, test_id=view.id))
        made = add_tests(scope, test_set_id, AddedTests(tests=(content,)))
    except AppError as error:
        return _form_page(project, form, error=error)
    say(f"The test was added to “{made.name}”.")
    return go_to(url_for("test_sets.show", slug=slug, test_set_id=made.id))


@blueprint.post("/p/<slug>/tests/compose")
@needs(Permission.TEST_WRITE)
def compose_new(slug: str) -> Response:
    """The form of a new test with another prompt, version or values; nothing is stored."""
    return _form_page(project_by_slug(current_scope(), slug), forms.test_form(request.form))


@blueprint.get("/p/<slug>/tests/<uuid:test_id>")
@needs(Permission.TEST_READ)
def show(slug: str, test_id: UUID) -> Response:
    """One test and where it is used."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    view = _test(project, test_id)
    return _page("show", project, test=view, test_sets=queries.sets_of_test(scope, test_id))


@blueprint.get("/p/<slug>/tests/<uuid:test_id>/edit")
@needs(Permission.TEST_WRITE)
def edit(slug: str, test_id: UUID) -> Response:
    """The form of a test."""
    project = project_by_slug(current_scope(), slug)
    view = _test(project, test_id)
    return _form_page(project, forms.form_of(view), view=view)


@blueprint.post("/p/<slug>/tests/<uuid:test_id>")
@needs(Permission.TEST_WRITE)
def update(slug: str, test_id: UUID) -> Response:
    """Change a test."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.test_form(request.form)
    view = _test(project, test_id)
    try:
        changes = forms.changes_of(form, _taken(project, form))
        actions.update_test(scope, test_id, changes, if_match=form.etag or None)
    except AppError as error:
        return _form_page(project, form, view=view, error=error)
    say("The test was saved. Past runs keep it as it was.")
    return go_to(url_for("tests.show", slug=slug, test_id=test_id))


@blueprint.post("/p/<slug>/tests/<uuid:test_id>/compose")
@needs(Permission.TEST_WRITE)
def compose(slug: str, test_id: UUID) -> Response:
    """The form of a test with another prompt, version or values; nothing is stored."""
    project = project_by_slug(current_scope(), slug)
    return _form_page(project, forms.test_form(request.form), view=_test(project, test_id))


@blueprint.post("/p/<slug>/tests/<uuid:test_id>/newest-prompt")
@needs(Permission.TEST_WRITE)
def use_newest(slug: str, test_id: UUID) -> Response:
    """Take the text from the newest version of the test's prompt; where values are missing, ask for them."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    view = _test(project, test_id)
    if view.prompt_source is None:
        raise Conflict("This test's text is written here: there is no prompt to take a newer version from.")
    try:
        actions.update_test(scope, test_id, {"source": PromptSource(prompt_id=view.prompt_source.prompt_id)})
    except Invalid as error:
        newest = replace(forms.form_of(view), version=str(view.prompt_source.newest_version))
        return _form_page(project, newest, view=view, error=error)
    say(f"The text is version {view.prompt_source.newest_version} now. Past runs keep it as it was.")
    return go_to(url_for("tests.show", slug=slug, test_id=test_id))


@blueprint.post("/p/<slug>/tests/<uuid:test_id>/archive")
@needs(Permission.TEST_DELETE)
def archive(slug: str, test_id: UUID) -> Response:
    """Put a test aside."""
    _test(project_by_slug(current_scope(), slug), test_id)
    actions.archive_test(current_scope(), test_id)
    say("The test was archived.", undo_url=url_for("tests.restore", slug=slug, test_id=test_id))
    return go_to(url_for("tests.index", slug=slug))


@blueprint.post("/p/<slug>/tests/<uuid:test_id>/restore")
@needs(Permission.TEST_DELETE)
def restore(slug: str, test_id: UUID) -> Response:
    """Bring a test back."""
    _test(project_by_slug(current_scope(), slug), test_id)
    actions.restore_test(current_scope(), test_id)
    say("The test is back, in the test sets it was in.")
    return go_to(url_for("tests.show", slug=slug, test_id=test_id))


def _test(project: ProjectView, test_id: UUID) -> queries.TestView:
    view = queries.get_test(current_scope(), test_id)
    if view.project_id != project.id:
        raise NotFound("There is no such test in this project.")
    return view


def _taken(project: ProjectView, form: forms.TestForm) -> TakenVersion | None:
    """The version that the form takes its text from, if it names one of the project's."""
    prompt_id = forms.uuid_or_none(form.prompt_id)
    if prompt_id is None:
        return None
    return taken_version(current_scope(), project.id, prompt_id, forms.version_of(form))


def _page(name: str, project: ProjectView, **views: Any) -> Response:
    scope = current_scope()
    return render_page(
        f"tests/{name}.html",
        section="tests",
        project=project,
        can_write=scope.may(Permission.TEST_WRITE, project=project.id),
        can_archive=scope.may(Permission.TEST_DELETE, project=project.id),
        now=scope.now,
        **views,
    )


def _options(nothing: str, choices: Sequence[queries.RequirementChoice | TestSetChoice]) -> list[tuple[str, str]]:
    return [("", nothing), *((str(choice.id), choice.name) for choice in choices)]


def _prompt_options(choices: Sequence[PromptChoice], taken: TakenVersion | None) -> list[tuple[str, str]]:
    """The prompts to choose from; one that is archived by now stays chosen where it is."""
    listed = [(str(choice.id), choice.name) for choice in choices]
    if taken is not None and str(taken.prompt_id) not in dict(listed):
        listed.append((str(taken.prompt_id), f"{taken.name} (archived)"))
    return [("", "Written here"), *listed] if listed else []


def _form_page(
    project: ProjectView,
    form: forms.TestForm,
    *,
    view: queries.TestView | None = None,
    error: AppError | None = None,
) -> Response:
    scope = current_scope()
    scope.require(Permission.TEST_WRITE, project=project.id)
    sets = () if view else list_test_set_choices(scope, project.id)
    taken = _taken(project, form)
    preview = forms.preview_of_test(form, taken)
    errors = {name.removeprefix("tests.0."): texts for name, texts in error.errors.items()} if error else {}
    where = {"slug": project.slug, "test_id": view.id} if view else {"slug": project.slug}
    return render_page(
        "tests/form.html",
        section="tests",
        project=project,
        status=error.status if error else 200,
        test=view,
        form=form,
        requirements=queries.list_requirement_choices(scope, project.id),
        test_sets=_options("No test set yet", sets),
        prompts=_prompt_options(list_prompt_choices(scope, project.id), taken),
        taken=taken,
        preview=preview,
        compose_url=url_for("tests.compose" if view else "tests.compose_new", **where),
        errors={**preview.errors, **errors},
        message=error.detail if error else "",
    )
