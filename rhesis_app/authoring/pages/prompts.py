"""Pages of prompts."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.authoring.actions import prompts as actions
from rhesis_app.authoring.actions.newest_prompts import MovedTests, use_newest_version
from rhesis_app.authoring.forms import prompts as forms
from rhesis_app.authoring.queries import prompts as queries
from rhesis_app.authoring.queries.metrics import list_metrics_of_prompt
from rhesis_app.authoring.rules.prompts import read_template
from rhesis_app.kernel.errors import AppError, Conflict, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.web.access import needs
from rhesis_app.web.filters import counted
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("prompts", __name__)
SHOWN_VERSIONS = 20


@blueprint.get("/p/<slug>/prompts")
@needs(Permission.PROMPT_READ)
def index(slug: str) -> Response:
    """The prompts of a project."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    chosen = queries.PromptFilter(
        project_id=project.id, q=request.args.get("q", ""), archived="archived" in request.args
    )
    page = queries.list_prompts(scope, page_request(cursor=request.args.get("cursor")), chosen)
    return _page("index", project, page=page, links=page_links(page), chosen=chosen)


@blueprint.get("/p/<slug>/prompts/new")
@needs(Permission.PROMPT_WRITE)
def new(slug: str) -> Response:
    """The form of a new prompt."""
    return _form_page(project_by_slug(current_scope(), slug), forms.PromptForm())


@blueprint.post("/p/<slug>/prompts")
@needs(Permission.PROMPT_WRITE)
def create(slug: str) -> Response:
    """Make a prompt and show it."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.prompt_form(request.form)
    try:
        view = actions.create_prompt(scope, forms.new_prompt(project.id, form))
    except AppError as error:
        return _form_page(project, form, error=error)
    say(f"“{view.name}” was created.")
    return go_to(url_for("prompts.show", slug=slug, prompt_id=view.id))


@blueprint.post("/p/<slug>/prompts/preview")
@needs(Permission.PROMPT_WRITE)
def preview_new(slug: str) -> Response:
    """The form of a new prompt with the samples filled in; nothing is stored."""
    return _form_page(project_by_slug(current_scope(), slug), forms.prompt_form(request.form))


@blueprint.get("/p/<slug>/prompts/<uuid:prompt_id>")
@needs(Permission.PROMPT_READ)
def show(slug: str, prompt_id: UUID) -> Response:
    """One prompt: its newest text and all versions."""
    project = project_by_slug(current_scope(), slug)
    view = _prompt(project, prompt_id)
    return _show_page(project, view, queries.version_of(current_scope(), view.id, view.version))


@blueprint.get("/p/<slug>/prompts/<uuid:prompt_id>/versions/<int:number>")
@needs(Permission.PROMPT_READ)
def version(slug: str, prompt_id: UUID, number: int) -> Response:
    """One prompt with the text of this version."""
    project = project_by_slug(current_scope(), slug)
    view = _prompt(project, prompt_id)
    return _show_page(project, view, queries.version_of(current_scope(), view.id, number))


@blueprint.get("/p/<slug>/prompts/<uuid:prompt_id>/diff")
@needs(Permission.PROMPT_READ)
def diff(slug: str, prompt_id: UUID) -> Response:
    """Two versions side by side; without `from` and `to` the two newest."""
    project = project_by_slug(current_scope(), slug)
    view = _prompt(project, prompt_id)
    after = request.args.get("to", type=int) or view.version
    before = request.args.get("from", type=int) or max(after - 1, 1)
    found = queries.diff_versions(current_scope(), view.id, before, after)
    return _page("diff", project, prompt=view, diff=found)


@blueprint.get("/p/<slug>/prompts/<uuid:prompt_id>/versions/new")
@needs(Permission.PROMPT_WRITE)
def edit(slug: str, prompt_id: UUID) -> Response:
    """The form of the next version."""
    project = project_by_slug(current_scope(), slug)
    view = _prompt(project, prompt_id)
    return _form_page(project, forms.form_of(view), view=view)


@blueprint.post("/p/<slug>/prompts/<uuid:prompt_id>/preview")
@needs(Permission.PROMPT_WRITE)
def preview(slug: str, prompt_id: UUID) -> Response:
    """The form of the next version with the samples filled in; nothing is stored."""
    project = project_by_slug(current_scope(), slug)
    return _form_page(project, forms.prompt_form(request.form), view=_prompt(project, prompt_id))


@blueprint.post("/p/<slug>/prompts/<uuid:prompt_id>/versions")
@needs(Permission.PROMPT_WRITE)
def save_version(slug: str, prompt_id: UUID) -> Response:
    """Save the text as the next version."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.prompt_form(request.form)
    view = _prompt(project, prompt_id)
    try:
        made = actions.save_prompt_version(scope, prompt_id, forms.new_version(form), if_match=form.etag or None)
    except AppError as error:
        return _form_page(project, form, view=view, error=error)
    say(f"Version {made.version} was saved." if made.is_new else f"Nothing changed: that is version {made.version}.")
    return go_to(url_for("prompts.show", slug=slug, prompt_id=prompt_id))


@blueprint.post("/p/<slug>/prompts/<uuid:prompt_id>/versions/<int:number>/restore")
@needs(Permission.PROMPT_WRITE)
def restore_version(slug: str, prompt_id: UUID, number: int) -> Response:
    """Save an older version's text as the next version."""
    scope = current_scope()
    _prompt(project_by_slug(scope, slug), prompt_id)
    old = queries.version_of(scope, prompt_id, number)
    again = actions.NewPromptVersion(template=old.template, note=f"Version {number} again")
    try:
        made = actions.save_prompt_version(scope, prompt_id, again)
    except Conflict as error:
        say(error.detail, kind="failed")
    else:
        done = f"Version {number} is back as version {made.version}."
        say(done if made.is_new else f"The newest version has the text of version {number} already.")
    return go_to(url_for("prompts.show", slug=slug, prompt_id=prompt_id))


@blueprint.post("/p/<slug>/prompts/<uuid:prompt_id>/use-newest")
@needs(Permission.TEST_WRITE)
def use_newest(slug: str, prompt_id: UUID) -> Response:
    """Take the newest version into all tests and metrics that use an older one."""
    _prompt(project_by_slug(current_scope(), slug), prompt_id)
    try:
        done = use_newest_version(current_scope(), runtime().registry, prompt_id)
    except Conflict as error:
        say(error.detail, kind="failed")
    else:
        said, is_whole = _said_of(done)
        say(said, kind="passed" if is_whole else "error")
    return go_to(url_for("prompts.show", slug=slug, prompt_id=prompt_id))


@blueprint.post("/p/<slug>/prompts/<uuid:prompt_id>/rename")
@needs(Permission.PROMPT_WRITE)
def rename(slug: str, prompt_id: UUID) -> Response:
    """Give a prompt another name."""
    _prompt(project_by_slug(current_scope(), slug), prompt_id)
    try:
        view = actions.rename_prompt(current_scope(), prompt_id, request.form.get("name", ""))
    except AppError as error:
        say(error.detail, kind="failed")
    else:
        say(f"It is called “{view.name}” now.")
    return go_to(url_for("prompts.show", slug=slug, prompt_id=prompt_id))


@blueprint.post("/p/<slug>/prompts/<uuid:prompt_id>/archive")
@needs(Permission.PROMPT_DELETE)
def archive(slug: str, prompt_id: UUID) -> Response:
    """Put a prompt aside."""
    _prompt(project_by_slug(current_scope(), slug), prompt_id)
    view = actions.archive_prompt(current_scope(), prompt_id)
    say(f"“{view.name}” was archived.", undo_url=url_for("prompts.restore", slug=slug, prompt_id=prompt_id))
    return go_to(url_for("prompts.index", slug=slug))


@blueprint.post("/p/<slug>/prompts/<uuid:prompt_id>/restore")
@needs(Permission.PROMPT_DELETE)
def restore(slug: str, prompt_id: UUID) -> Response:
    """Bring a prompt back."""
    _prompt(project_by_slug(current_scope(), slug), prompt_id)
    here = url_for("prompts.show", slug=slug, prompt_id=prompt_id)
    try:
        view = actions.restore_prompt(current_scope(), prompt_id)
    except Conflict as error:
        say(error.detail, kind="failed")
        return go_to(here)
    say(f"“{view.name}” is back.")
    return go_to(here)


def _said_of(done: MovedTests) -> tuple[str, bool]:
    """(what came of it in a sentence or three, whether nothing was left)."""
    moved = [(done.moved, "test"), (done.moved_metrics, "metric")]
    said = [f"{_listed(moved)} now with version {done.version}."]
    if done.left:
        said.append(f"{counted(done.left, 'test')} left as before: {done.left_tests[0].reason}")
    if done.left_metrics:
        said.append(f"{counted(len(done.left_metrics), 'metric')} left as before: {done.left_metrics[0].reason}")
    return " ".join(said), len(said) == 1


def _listed(counts: list[tuple[int, str]]) -> str:
    """Those that there are, and of none the first."""
    return " and ".join(counted(count, noun) for count, noun in [one for one in counts if one[0]] or counts[:1])


def _prompt(project: ProjectView, prompt_id: UUID) -> queries.PromptView:
    view = queries.get_prompt(current_scope(), prompt_id)
    if view.project_id != project.id:
        raise NotFound("There is no such prompt in this project.")
    return view


def _show_page(project: ProjectView, view: queries.PromptView, shown: queries.PromptVersionView) -> Response:
    cursor = request.args.get("cursor")
    page = queries.versions_of(current_scope(), view.id, page_request(limit=SHOWN_VERSIONS, cursor=cursor))
    template = read_template(shown.template)
    return _page(
        "show",
        project,
        prompt=view,
        shown=shown,
        pieces=template.pieces,
        variables=template.variables,
        metrics=list_metrics_of_prompt(current_scope(), view.id) if view.metric_count else (),
        versions=page,
        links=page_links(page),
    )


def _page(name: str, project: ProjectView, **views: Any) -> Response:
    scope = current_scope()
    return render_page(
        f"prompts/{name}.html",
        section="prompts",
        project=project,
        can_write=scope.may(Permission.PROMPT_WRITE, project=project.id),
        can_write_tests=scope.may(Permission.TEST_WRITE, project=project.id),
        can_archive=scope.may(Permission.PROMPT_DELETE, project=project.id),
        now=scope.now,
        **views,
    )


def _form_page(
    project: ProjectView,
    form: forms.PromptForm,
    *,
    view: queries.PromptView | None = None,
    error: AppError | None = None,
) -> Response:
    current_scope().require(Permission.PROMPT_WRITE, project=project.id)
    where = {"slug": project.slug, "prompt_id": view.id} if view else {"slug": project.slug}
    return render_page(
        "prompts/form.html",
        section="prompts",
        project=project,
        status=error.status if error else 200,
        prompt=view,
        form=form,
        preview=forms.preview_of(form),
        errors=error.errors if error else {},
        message=error.detail if error else "",
        save_url=url_for("prompts.save_version" if view else "prompts.create", **where),
        preview_url=url_for("prompts.preview" if view else "prompts.preview_new", **where),
    )
