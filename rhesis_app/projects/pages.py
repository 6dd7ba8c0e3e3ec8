"""The start page, a project's overview and its members."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.insights.queries.glance import at_a_glance
from rhesis_app.kernel.errors import AppError
from rhesis_app.kernel.paging import MAX_LIMIT
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects import actions, queries
from rhesis_app.runs.queries.overview import project_state, trend_of
from rhesis_app.runs.queries.runs import latest_runs
from rhesis_app.tenancy.rules import user_id_from
from rhesis_app.web.access import needs, needs_sign_in
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_identity, current_scope
from rhesis_app.web.trend import trend_plot

blueprint = Blueprint("projects", __name__)
_LOOKED_AT = 40
_SHOWN = 8


@blueprint.get("/")
@needs_sign_in
def index() -> Response:
    """The only project, or the list to choose from, be it empty."""
    links = queries.list_project_links(current_scope())
    if len(links) == 1:
        return Response(status=303, headers={"Location": f"/p/{links[0].slug}/"})
    scope = current_scope()
    return render_page(
        "projects/index.html",
        section="projects",
        projects=links,
        can_write=scope.may(Permission.PROJECT_WRITE),
        can_archive=scope.may(Permission.PROJECT_DELETE),
    )


@blueprint.post("/projects")
@needs(Permission.PROJECT_WRITE)
def create() -> Response:
    """Make a project and go there."""
    try:
        view = actions.create_project(current_scope(), request.form.get("name", ""))
    except AppError as error:
        say(error.detail, kind="failed")
        return go_to("/")
    say(f"“{view.name}” is ready: connect an endpoint first.")
    return go_to(f"/p/{view.slug}/")


@blueprint.get("/p/<slug>/")
@needs(Permission.PROJECT_READ)
def overview(slug: str) -> Response:
    """A project at a glance: its state and its runs, or the steps to the first verdict."""
    scope = current_scope()
    project = queries.project_by_slug(scope, slug)
    latest = latest_runs(scope, project.id, limit=_LOOKED_AT)
    trend = trend_of(latest)
    glance = at_a_glance(scope, latest[:_SHOWN], trend)
    return render_page(
        "projects/overview.html",
        section="overview",
        project=project,
        state=project_state(scope, project.id),
        latest=glance.latest,
        trend=trend,
        heat=glance.heat,
        plot=trend_plot([(f"#{run.number}", run.pass_rate) for run in trend]),
        can_write=scope.may(Permission.TEST_SET_WRITE, project=project.id),
        can_execute=scope.may(Permission.RUN_EXECUTE, project=project.id),
        can_archive=scope.may(Permission.PROJECT_DELETE, project=project.id),
        is_demo=current_identity().is_demo,
        can_remove_demo=current_identity().is_demo and scope.may(Permission.ORGANIZATION_DELETE),
        now=scope.now,
    )


@blueprint.get("/p/<slug>/members")
@needs(Permission.MEMBER_READ)
def members(slug: str) -> Response:
    """Who has a role in the project."""
    return _members_page(queries.project_by_slug(current_scope(), slug))


@blueprint.post("/p/<slug>/members")
@needs(Permission.MEMBER_MANAGE)
def add_member(slug: str) -> Response:
    """Give somebody of the organization a role here."""
    scope = current_scope()
    project = queries.project_by_slug(scope, slug)
    user_id, role = request.form.get("user_id", ""), request.form.get("role", "")
    try:
        view = actions.add_member(scope, project.id, user_id_from(user_id), role)
    except AppError as error:
        return _members_page(project, error=error, user_id=user_id, role=role)
    say(f"{view.name} is {view.role} in {project.name} now.")
    return go_to(url_for("projects.members", slug=slug))


@blueprint.post("/p/<slug>/members/<uuid:user_id>/role")
@needs(Permission.MEMBER_MANAGE)
def save_member(slug: str, user_id: UUID) -> Response:
    """Give somebody another role here."""
    scope = current_scope()
    project = queries.project_by_slug(scope, slug)
    queries.view_project_member(scope, project.id, user_id)
    try:
        view = actions.change_member(scope, project.id, user_id, request.form.get("role", ""))
    except AppError as error:
        say(error.detail, kind="failed")
    else:
        say(f"{view.name} is {view.role} in {project.name} now.")
    return go_to(url_for("projects.members", slug=slug))


@blueprint.post("/p/<slug>/members/<uuid:user_id>/remove")
@needs(Permission.MEMBER_MANAGE)
def remove_member(slug: str, user_id: UUID) -> Response:
    """Take somebody's role here away."""
    scope = current_scope()
    project = queries.project_by_slug(scope, slug)
    view = queries.view_project_member(scope, project.id, user_id)
    try:
        actions.remove_member(scope, project.id, user_id)
    except AppError as error:
        say(error.detail, kind="failed")
    else:
        say(f"{view.name} has no role in {project.name} any more.")
    return go_to("/" if view.is_me else url_for("projects.members", slug=slug))


def _members_page(
    project: queries.ProjectView, *, error: AppError | None = None, user_id: str = "", role: str = "Viewer"
) -> Response:
    scope = current_scope()
    page = queries.list_project_members(
        scope, project.id, page_request(cursor=request.args.get("cursor"), limit=MAX_LIMIT)
    )
    manages = scope.may(Permission.MEMBER_MANAGE, project=project.id)
    choices = queries.member_choices(scope, project.id) if manages else queries.MemberChoices(people=(), roles=())
    views: dict[str, Any] = {
        "page": page,
        "links": page_links(page),
        "people": choices.people,
        "roles": [(name, name) for name in choices.roles],
        "can_manage": manages,
        "typed": {"user_id": user_id, "role": role},
        "errors": error.errors if error else {},
        "message": error.detail if error else "",
        "now": scope.now,
    }
    status = error.status if error else 200
    return render_page("projects/members.html", section="project_members", project=project, status=status, **views)
