"""Pages of gates."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.insights import forms
from rhesis_app.insights.actions import gates as actions
from rhesis_app.insights.actions.decide import decide_again
from rhesis_app.insights.queries import gates as queries
from rhesis_app.insights.queries.gates import GateFilter, GateView
from rhesis_app.kernel.errors import AppError, Conflict, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.runs.queries.runs import view_run_by_number
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("gates", __name__)


@blueprint.get("/p/<slug>/gates")
@needs(Permission.RUN_READ)
def index(slug: str) -> Response:
    """The gates of a project."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    chosen = GateFilter(project_id=project.id, archived="archived" in request.args)
    page = queries.list_gates(scope, page_request(cursor=request.args.get("cursor")), chosen)
    return _page("gates", project, page=page, links=page_links(page), chosen=chosen)


@blueprint.get("/p/<slug>/gates/new")
@needs(Permission.GATE_MANAGE)
def new(slug: str) -> Response:
    """The form of a new gate; its kind is chosen first."""
    return _form_page(project_by_slug(current_scope(), slug), forms.gate_form(request.args))


@blueprint.post("/p/<slug>/gates")
@needs(Permission.GATE_MANAGE)
def create(slug: str) -> Response:
    """Make a gate."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.gate_form(request.form)
    try:
        new_gate = actions.NewGate(project_id=project.id, name=form.name, rule=forms.rule_of(form))
        view = actions.create_gate(scope, new_gate)
    except AppError as error:
        return _form_page(project, form, error=error)
    say(f"“{view.name}” was created. It has decided the latest run and decides each that ends from now on.")
    return go_to(url_for("gates.index", slug=slug))


@blueprint.get("/p/<slug>/gates/<uuid:gate_id>/edit")
@needs(Permission.GATE_MANAGE)
def edit(slug: str, gate_id: UUID) -> Response:
    """The form of a gate."""
    project = project_by_slug(current_scope(), slug)
    view = _gate(project, gate_id)
    return _form_page(project, forms.form_of(view.name, view.rule, view.etag), view=view)


@blueprint.post("/p/<slug>/gates/<uuid:gate_id>")
@needs(Permission.GATE_MANAGE)
def update(slug: str, gate_id: UUID) -> Response:
    """Change a gate."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.gate_form(request.form)
    view = _gate(project, gate_id)
    try:
        rule = forms.rule_of(form)
        view = actions.update_gate(scope, gate_id, name=form.name, rule=rule, if_match=form.etag or None)
    except AppError as error:
        return _form_page(project, form, view=view, error=error)
    say(f"“{view.name}” was saved. Earlier runs keep what it said of them.")
    return go_to(url_for("gates.index", slug=slug))


@blueprint.post("/p/<slug>/gates/<uuid:gate_id>/archive")
@needs(Permission.GATE_MANAGE)
def archive(slug: str, gate_id: UUID) -> Response:
    """Put a gate aside."""
    _gate(project_by_slug(current_scope(), slug), gate_id)
    view = actions.archive_gate(current_scope(), gate_id)
    say(f"“{view.name}” was archived.", undo_url=url_for("gates.restore", slug=slug, gate_id=gate_id))
    return go_to(url_for("gates.index", slug=slug))


@blueprint.post("/p/<slug>/gates/<uuid:gate_id>/restore")
@needs(Permission.GATE_MANAGE)
def restore(slug: str, gate_id: UUID) -> Response:
    """Bring a gate back."""
    _gate(project_by_slug(current_scope(), slug), gate_id)
    try:
        view = actions.restore_gate(current_scope(), gate_id)
    except Conflict as error:
        say(error.detail, kind="failed")
        return go_to(url_for("gates.index", slug=slug, archived=1))
    say(f"“{view.name}” is back.")
    return go_to(url_for("gates.index", slug=slug))


@blueprint.post("/p/<slug>/runs/<int:number>/gates")
@needs(Permission.GATE_MANAGE)
def decide(slug: str, number: int) -> Response:
    """Let the gates decide a run again."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    found = decide_again(scope, view_run_by_number(scope, project.id, number).id)
    say("The gates have decided." if found else "The project has no gates.", kind="passed" if found else "note")
    return go_to(url_for("runs.show", slug=slug, number=number))


def _gate(project: ProjectView, gate_id: UUID) -> GateView:
    view = queries.get_gate(current_scope(), gate_id)
    if view.project_id != project.id:
        raise NotFound("There is no such gate in this project.")
    return view


def _page(name: str, project: ProjectView, **views: Any) -> Response:
    scope = current_scope()
    can_manage = scope.may(Permission.GATE_MANAGE, project=project.id)
    return render_page(
        f"insights/{name}.html", section="gates", project=project, can_manage=can_manage, now=scope.now, **views
    )


def _form_page(
    project: ProjectView, form: forms.GateForm, *, view: GateView | None = None, error: AppError | None = None
) -> Response:
    current_scope().require(Permission.GATE_MANAGE, project=project.id)
    return _page(
        "gate_form",
        project,
        status=error.status if error else 200,
        gate=view,
        form=form,
        errors=error.errors if error else {},
        message=error.detail if error else "",
    )
