"""Pages of schedules."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.errors import AppError, Conflict, Invalid, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.runs import forms
from rhesis_app.runs.actions import schedules as actions
from rhesis_app.runs.queries import schedules as queries
from rhesis_app.runs.queries.preflight import run_choices
from rhesis_app.runs.queries.schedules import ScheduleFilter, ScheduleView
from rhesis_app.runs.rules.schedules import time_zones
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("schedules", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTimes:
    """The next times of what stands in the form, or what is wrong with it; neither while nothing is typed."""

    time_zone: str = ""
    times: tuple[datetime, ...] = ()
    problem: str = ""


@blueprint.get("/p/<slug>/schedules")
@needs(Permission.RUN_READ)
def index(slug: str) -> Response:
    """The schedules of a project."""
    scope = current_scope()
    project = project_by_slug(scope, slug)
    chosen = ScheduleFilter(
        project_id=project.id,
        test_set_id=forms.id_in(request.args.get("test_set", "")),
        archived="archived" in request.args,
    )
    page = queries.list_schedules(scope, page_request(cursor=request.args.get("cursor")), chosen)
    return _page("index", project, page=page, links=page_links(page), chosen=chosen)


@blueprint.get("/p/<slug>/schedules/new")
@needs(Permission.RUN_EXECUTE)
def new(slug: str) -> Response:
    """The form of a new schedule."""
    return _form_page(project_by_slug(current_scope(), slug), forms.schedule_form(request.args))


@blueprint.post("/p/<slug>/schedules")
@needs(Permission.RUN_EXECUTE)
def create(slug: str) -> Response:
    """Make a schedule."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.schedule_form(request.form)
    try:
        view = actions.create_schedule(scope, forms.new_schedule(form))
    except AppError as error:
        return _form_page(project, form, error=error)
    say(f"“{view.name}” was created.")
    return go_to(url_for("schedules.index", slug=slug))


@blueprint.post("/p/<slug>/schedules/preview")
@needs(Permission.RUN_EXECUTE)
def preview_new(slug: str) -> Response:
    """The form of a new schedule with its next five times; nothing is stored."""
    return _form_page(project_by_slug(current_scope(), slug), forms.schedule_form(request.form))


@blueprint.get("/p/<slug>/schedules/<uuid:schedule_id>/edit")
@needs(Permission.RUN_EXECUTE)
def edit(slug: str, schedule_id: UUID) -> Response:
    """The form of a schedule."""
    project = project_by_slug(current_scope(), slug)
    view = _schedule(project, schedule_id)
    return _form_page(project, forms.form_of_schedule(view), view=view)


@blueprint.post("/p/<slug>/schedules/<uuid:schedule_id>/preview")
@needs(Permission.RUN_EXECUTE)
def preview(slug: str, schedule_id: UUID) -> Response:
    """The form of a schedule with its next five times; nothing is stored."""
    project = project_by_slug(current_scope(), slug)
    return _form_page(project, forms.schedule_form(request.form), view=_schedule(project, schedule_id))


@blueprint.post("/p/<slug>/schedules/<uuid:schedule_id>")
@needs(Permission.RUN_EXECUTE)
def update(slug: str, schedule_id: UUID) -> Response:
    """Change a schedule."""
    scope = current_scope()
    project, form = project_by_slug(scope, slug), forms.schedule_form(request.form)
    view = _schedule(project, schedule_id)
    try:
        changes = forms.schedule_changes(form)
        view = actions.update_schedule(scope, schedule_id, changes, if_match=form.etag or None)
    except AppError as error:
        return _form_page(project, form, view=view, error=error)
    say(f"“{view.name}” was saved.")
    return go_to(url_for("schedules.index", slug=slug))


@blueprint.post("/p/<slug>/schedules/<uuid:schedule_id>/pause")
@needs(Permission.RUN_EXECUTE)
def pause(slug: str, schedule_id: UUID) -> Response:
    """Let a schedule fire no more."""
    _schedule(project_by_slug(current_scope(), slug), schedule_id)
    return _done(slug, actions.pause_schedule, schedule_id, "is paused: it starts nothing until you resume it.")


@blueprint.post("/p/<slug>/schedules/<uuid:schedule_id>/resume")
@needs(Permission.RUN_EXECUTE)
def resume(slug: str, schedule_id: UUID) -> Response:
    """Let a schedule fire again."""
    _schedule(project_by_slug(current_scope(), slug), schedule_id)
    return _done(slug, actions.resume_schedule, schedule_id, "goes on from its next time.")


@blueprint.post("/p/<slug>/schedules/<uuid:schedule_id>/archive")
@needs(Permission.RUN_EXECUTE)
def archive(slug: str, schedule_id: UUID) -> Response:
    """Put a schedule aside."""
    _schedule(project_by_slug(current_scope(), slug), schedule_id)
    view = actions.archive_schedule(current_scope(), schedule_id)
    say(f"“{view.name}” was archived.", undo_url=url_for("schedules.restore", slug=slug, schedule_id=schedule_id))
    return go_to(url_for("schedules.index", slug=slug))


@blueprint.post("/p/<slug>/schedules/<uuid:schedule_id>/restore")
@needs(Permission.RUN_EXECUTE)
def restore(slug: str, schedule_id: UUID) -> Response:
    """Bring a schedule back."""
    _schedule(project_by_slug(current_scope(), slug), schedule_id)
    return _done(slug, actions.restore_schedule, schedule_id, "is back.")


def _done(slug: str, action: Any, schedule_id: UUID, words: str) -> Response:
    try:
        view = action(current_scope(), schedule_id)
    except Conflict as error:
        say(error.detail, kind="failed")
        return go_to(url_for("schedules.index", slug=slug, archived=1))
    say(f"“{view.name}” {words}")
    return go_to(url_for("schedules.index", slug=slug))


def _schedule(project: ProjectView, schedule_id: UUID) -> ScheduleView:
    view = queries.get_schedule(current_scope(), schedule_id)
    if view.project_id != project.id:
        raise NotFound("There is no such schedule in this project.")
    return view


def _page(name: str, project: ProjectView, **views: Any) -> Response:
    scope = current_scope()
    can_manage = scope.may(Permission.RUN_EXECUTE, project=project.id)
    return render_page(
        f"schedules/{name}.html", section="schedules", project=project, can_manage=can_manage, now=scope.now, **views
    )


def _form_page(
    project: ProjectView, form: forms.ScheduleForm, *, view: ScheduleView | None = None, error: AppError | None = None
) -> Response:
    scope = current_scope()
    scope.require(Permission.RUN_EXECUTE, project=project.id)
    choices = run_choices(scope, project.id)
    where = {"slug": project.slug, "schedule_id": view.id} if view else {"slug": project.slug}
    return _page(
        "form",
        project,
        status=error.status if error else 200,
        schedule=view,
        form=form,
        coming=_next_times(form),
        zones=time_zones(),
        choices=choices,
        set_options=[("", "Choose a test set"), *((str(one.id), one.name) for one in choices.test_sets)],
        endpoint_options=[(str(one.id), one.name) for one in choices.endpoints],
        metric_options=[(str(one.id), one.name, one.note) for one in choices.metrics],
        errors=forms.errors_of(error),
        message=error.detail if error else "",
        save_url=url_for("schedules.update" if view else "schedules.create", **where),
        preview_url=url_for("schedules.preview" if view else "schedules.preview_new", **where),
    )


def _next_times(form: forms.ScheduleForm) -> NextTimes:
    if not form.cron.strip() or not form.time_zone.strip():
        return NextTimes()
    try:
        found = queries.preview_fires(current_scope(), form.cron, form.time_zone)
    except Invalid as error:
        return NextTimes(problem=error.detail)
    return NextTimes(time_zone=found.time_zone, times=found.times)
