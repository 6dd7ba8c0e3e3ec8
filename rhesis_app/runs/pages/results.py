"""Pages of one result: in the drawer beside the list or on its own, and what people say of it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.errors import AppError, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.runs import forms
from rhesis_app.runs.actions.review import review_result, withdraw_review
from rhesis_app.runs.queries.result import neighbours, view_result
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to, is_fragment_request
from rhesis_app.web.pages import csrf_token, render_fragment, render_page, say
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("results", __name__)
_REVIEWED = {"HX-Trigger": "reviewed"}


@blueprint.get("/p/<slug>/runs/<int:number>/results/<uuid:result_id>")
@needs(Permission.RUN_READ)
def show(slug: str, number: int, result_id: UUID) -> Response:
    """One result as a page of its own."""
    project, views = _result(slug, number, result_id)
    return render_page(
        "runs/result.html",
        section="runs",
        project=project,
        csrf_token=csrf_token(),
        now=current_scope().now,
        is_docked=False,
        **views,
    )


@blueprint.get("/p/<slug>/runs/<int:number>/results/<uuid:result_id>/panel")
@needs(Permission.RUN_READ)
def panel(slug: str, number: int, result_id: UUID) -> Response:
    """The same for the drawer beside the list."""
    return _panel(slug, number, result_id)


@blueprint.post("/p/<slug>/runs/<int:number>/results/<uuid:result_id>/reviews")
@needs(Permission.REVIEW_WRITE)
def review(slug: str, number: int, result_id: UUID) -> Response:
    """Keep a verdict; the drawer comes back with it, and the list follows."""
    scope = current_scope()
    _, before = _result(slug, number, result_id)
    new = forms.new_review(request.form)
    try:
        review_result(scope, result_id, new)
    except AppError as error:
        return _refused(slug, number, result_id, error)
    return _done(slug, number, before, f"Your verdict is kept: {new.verdict}.")


@blueprint.post("/p/<slug>/runs/<int:number>/results/<uuid:result_id>/reviews/<uuid:review_id>/withdraw")
@needs(Permission.REVIEW_WRITE)
def withdraw(slug: str, number: int, result_id: UUID, review_id: UUID) -> Response:
    """Take a review back."""
    _, views = _result(slug, number, result_id)
    if review_id not in {one.id for one in views["result"].reviews}:
        raise NotFound("There is no such review of this result.")
    withdraw_review(current_scope(), review_id)
    return _done(slug, number, views, "The review is withdrawn: what the metrics found stands again.")


def _done(slug: str, number: int, before: dict[str, Any], said: str) -> Response:
    result_id = before["result"].id
    if is_fragment_request():
        # a review may move the result to another place of the list; whoever goes on goes on from where it stood
        answer = _panel(slug, number, result_id, beside=before["beside"])
        answer.headers.update(_REVIEWED)
        return answer
    say(said)
    return _back(slug, number, result_id)


def _refused(slug: str, number: int, result_id: UUID, error: AppError) -> Response:
    sentence = " ".join(text for texts in error.errors.values() for text in texts) or error.detail
    if is_fragment_request():
        return _panel(slug, number, result_id, status=error.status, message=sentence)
    say(sentence, kind="error")
    return _back(slug, number, result_id)


def _back(slug: str, number: int, result_id: UUID) -> Response:
    kept: dict[str, Any] = forms.kept_filters(forms.FILTERS, request.args)
    return go_to(url_for("results.show", slug=slug, number=number, result_id=result_id, **kept))


def _panel(
    slug: str, number: int, result_id: UUID, *, status: int = 200, message: str = "", **views_before: Any
) -> Response:
    project, views = _result(slug, number, result_id)
    return render_fragment(
        "runs/_result.html",
        status=status,
        project=project,
        is_docked=True,
        now=current_scope().now,
        message=message,
        **views | views_before,
    )


def _result(slug: str, number: int, result_id: UUID) -> tuple[ProjectView, dict[str, Any]]:
    scope = current_scope()
    project = project_by_slug(scope, slug)
    found = view_result(scope, runtime().registry, result_id)
    if (found.project_id, found.run_number) != (project.id, number):
        raise NotFound("There is no such result in this run.")
    beside = neighbours(scope, found, forms.result_filter(request.args))
    can_try = scope.may(Permission.METRIC_WRITE, project=project.id)
    return project, {
        "result": found,
        "beside": beside,
        "can_try": can_try,
        **forms.filter_links(forms.FILTERS, request.args),
    }
