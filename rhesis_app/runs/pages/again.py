"""From an ended run to another one: its tests asked again, its answers scored again."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.errors import AppError
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.runs import forms
from rhesis_app.runs.actions.again import rerun_tests, rescore_answers
from rhesis_app.runs.actions.retry_errors import retry_errors
from rhesis_app.runs.queries.preflight import run_choices
from rhesis_app.runs.queries.run_page import open_run_page
from rhesis_app.runs.queries.runs import view_run, view_run_by_number
from rhesis_app.runs.queries.views import RunView
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to, nothing_new
from rhesis_app.web.pages import csrf_token, render_fragment, render_page, say
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("reruns", __name__)


@blueprint.post("/p/<slug>/runs/<int:number>/rerun")
@needs(Permission.RUN_EXECUTE)
def rerun(slug: str, number: int) -> Response:
    """Ask the run's tests again, or those that went wrong, and go to the new run."""
    scope = current_scope()
    _, run = _run(slug, number)
    try:
        run_id = rerun_tests(scope, runtime().registry, forms.new_rerun(run.id, request.form))
    except AppError as error:
        say(_sentence(error), kind="failed")
        return go_to(url_for("runs.show", slug=slug, number=number))
    return go_to(url_for("runs.show", slug=slug, number=view_run(scope, run_id).number))


@blueprint.post("/p/<slug>/runs/<int:number>/retry-errors")
@needs(Permission.RUN_EXECUTE)
def retry(slug: str, number: int) -> Response:
    """Ask the run's errors again; its own page says how far that is, and takes over what is answered."""
    scope = current_scope()
    _, run = _run(slug, number)
    try:
        run_id = retry_errors(scope, forms.new_retry(run.id, request.form))
    except AppError as error:
        say(_sentence(error), kind="failed")
        return go_to(url_for("runs.show", slug=slug, number=number))
    parent = view_run(scope, run_id).parent
    return go_to(url_for("runs.show", slug=slug, number=parent.number if parent else number))


@blueprint.get("/p/<slug>/runs/<int:number>/retrying")
@needs(Permission.RUN_READ)
def retrying(slug: str, number: int) -> Response:
    """How far a retry of the run's errors is; once it has ended the page that asks draws the run anew."""
    project = project_by_slug(current_scope(), slug)
    page = open_run_page(current_scope(), project.id, number)
    if page.retrying and page.retrying.seen == request.args.get("seen"):
        return nothing_new()
    answer = render_fragment("runs/_retrying.html", project=project, run=page.run, retrying=page.retrying)
    if page.retrying is None:
        answer.headers["HX-Trigger"] = "reviewed"
    return answer


@blueprint.get("/p/<slug>/runs/<int:number>/rescore")
@needs(Permission.RUN_EXECUTE)
def choose(slug: str, number: int) -> Response:
    """Which metrics shall score the run's answers?"""
    project, run = _run(slug, number)
    return _choose_page(project, run, forms.rescore_form(request.args))


@blueprint.post("/p/<slug>/runs/<int:number>/rescore")
@needs(Permission.RUN_EXECUTE)
def rescore(slug: str, number: int) -> Response:
    """Score them, and go to the new run."""
    scope = current_scope()
    project, run = _run(slug, number)
    form = forms.rescore_form(request.form)
    try:
        run_id = rescore_answers(scope, runtime().registry, forms.new_rescore(run.id, form))
    except AppError as error:
        return _choose_page(project, run, form, error)
    return go_to(url_for("runs.show", slug=slug, number=view_run(scope, run_id).number))


def _run(slug: str, number: int) -> tuple[ProjectView, RunView]:
    scope = current_scope()
    project = project_by_slug(scope, slug)
    run = view_run_by_number(scope, project.id, number)
    scope.require(Permission.RUN_EXECUTE, project=project.id)
    return project, run


def _choose_page(
    project: ProjectView, run: RunView, form: forms.RescoreForm, error: AppError | None = None
) -> Response:
    metrics = run_choices(current_scope(), project.id).metrics
    views: dict[str, Any] = {
        "run": run,
        "form": form,
        "answers": run.totals.answered - run.totals.error,
        "metric_options": [(str(one.id), one.name, one.note) for one in metrics],
        "errors": error.errors if error else {},
        "message": error.detail if error else "",
    }
    return render_page(
        "runs/rescore.html",
        section="runs",
        project=project,
        status=error.status if error else 200,
        csrf_token=csrf_token(),
        **views,
    )


def _sentence(error: AppError) -> str:
    return " ".join(text for texts in error.errors.values() for text in texts) or error.detail
