"""The page of what a run's failures have in common."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from rhesis_app.endpoints.actions.judging import default_judge
from rhesis_app.insights.actions.analyse import ask_for_analysis
from rhesis_app.insights.queries.analysis import find_analysis
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.runs.queries.runs import view_run_by_number
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to, nothing_new
from rhesis_app.web.pages import render_fragment, render_page
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("analysis", __name__)


@blueprint.get("/p/<slug>/runs/<int:number>/analysis")
@needs(Permission.RUN_READ)
def show(slug: str, number: int) -> Response:
    """What was found, or how to ask for it."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    can_ask = scope.may(Permission.REPORT_CREATE, project=project.id)
    return render_page(
        "insights/analysis.html",
        section="runs",
        project=project,
        can_ask=can_ask,
        judge=default_judge(scope, project.id) if can_ask else None,
        **_views(project, number),
    )


@blueprint.get("/p/<slug>/runs/<int:number>/analysis/progress")
@needs(Permission.RUN_READ)
def progress(slug: str, number: int) -> Response:
    """The same as a fragment, for the page that waits for it; nothing while nothing has changed."""
    project = project_by_slug(current_scope(), slug)
    views = _views(project, number)
    if views["found"] is None:
        raise NotFound("Nobody has asked yet what the failures of this run share.")
    if request.args.get("seen") == views["seen"]:
        return nothing_new()
    return render_fragment("insights/_analysis.html", project=project, **views)


@blueprint.post("/p/<slug>/runs/<int:number>/analysis")
@needs(Permission.REPORT_CREATE)
def ask(slug: str, number: int) -> Response:
    """Have it analysed."""
    project = project_by_slug(current_scope(), slug)
    run = view_run_by_number(current_scope(), project.id, number)
    ask_for_analysis(current_scope(), run.id, with_model="with_model" in request.form)
    return go_to(url_for("analysis.show", slug=slug, number=number))


def _views(project: ProjectView, number: int) -> dict[str, Any]:
    scope = current_scope()
    run = view_run_by_number(scope, project.id, number)
    found = find_analysis(scope, run.id)
    seen = f"{found.status}-{found.progress}" if found is not None else ""
    return {"run": run, "found": found, "seen": seen, "now": scope.now}
