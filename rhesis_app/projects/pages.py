"""The start page and a project's overview."""

from flask import Blueprint, Response, request

from rhesis_app.insights.queries.glance import at_a_glance
from rhesis_app.kernel.errors import AppError
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects import actions, queries
from rhesis_app.runs.queries.overview import project_state, trend_of
from rhesis_app.runs.queries.runs import latest_runs
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.scope import current_identity, current_scope
from rhesis_app.web.trend import trend_plot

blueprint = Blueprint("projects", __name__)
_LOOKED_AT = 40
_SHOWN = 8


@blueprint.get("/")
@needs(Permission.PROJECT_READ)
def index() -> Response:
    """The only project, or the list to choose from."""
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
