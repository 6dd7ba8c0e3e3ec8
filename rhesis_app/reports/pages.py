"""Exports from the pages of a run, and the pages of reports."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.errors import AppError, NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView, project_by_slug
from rhesis_app.reports import forms
from rhesis_app.reports.actions.make import NewReport, ask_for_report, delete_report
from rhesis_app.reports.actions.write import write_report
from rhesis_app.reports.queries import (
    ReportFilter,
    ReportView,
    copy_file,
    exporter_of,
    list_formats,
    list_reports,
    open_report,
    view_report,
)
from rhesis_app.runs.queries.runs import view_run_by_number
from rhesis_app.runs.queries.views import RunView
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
from rhesis_app.web.htmx import go_to, nothing_new
from rhesis_app.web.pages import render_fragment, render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("reports", __name__)


@blueprint.get("/p/<slug>/runs/<int:number>/export/<key>")
@needs(Permission.RUN_READ)
def export(slug: str, number: int, key: str) -> Response:
    """Download a run in one of the formats that plugins offer."""
    scope, registry = current_scope(), runtime().registry
    project = project_by_slug(scope, slug)
    exporter = exporter_of(registry, key)
    run = view_run_by_number(scope, project.id, number)
    here = url_for("runs.show", slug=slug, number=number, _external=True)
    report = open_report(scope, registry, run.id, url=here)
    return download(
        lambda file: write_report(exporter, report, file),
        name=f"{project.slug}-run-{run.number}.{exporter.extension}",
        media_type=exporter.media_type,
    )


@blueprint.get("/p/<slug>/reports")
@needs(Permission.RUN_READ)
def index(slug: str) -> Response:
    """The reports of a project; of one run, with the form that makes another."""
    return _page(project_by_slug(current_scope(), slug), forms.report_form(request.args))


@blueprint.get("/p/<slug>/reports/progress")
@needs(Permission.RUN_READ)
def progress(slug: str) -> Response:
    """The list as a fragment, for the page that watches it; nothing while nothing has changed."""
    project = project_by_slug(current_scope(), slug)
    views = _views(project, _run(project, forms.report_form(request.args).run))
    if request.args.get("seen") == views["seen"]:
        return nothing_new()
    return render_fragment("reports/_reports.html", project=project, **views)


@blueprint.post("/p/<slug>/runs/<int:number>/reports")
@needs(Permission.REPORT_CREATE)
def create(slug: str, number: int) -> Response:
    """Have a report written, and go to the list that says how far it is."""
    project = project_by_slug(current_scope(), slug)
    form = forms.report_form(request.form, run=number)
    kept = timedelta(days=runtime().settings.report_days)
    try:
        ask_for_report(current_scope(), runtime().registry, _new_report(project, form), kept=kept)
    except AppError as error:
        return _page(project, form, error)
    say("The report is being written.", kind="note")
    return go_to(url_for("reports.index", slug=slug, run=number, against=form.against or None))


@blueprint.get("/p/<slug>/reports/<uuid:report_id>/file")
@needs(Permission.RUN_READ)
def file(slug: str, report_id: UUID) -> Response:
    """Download a report."""
    view = _report(project_by_slug(current_scope(), slug), report_id)
    return download(partial(copy_file, current_scope(), view), name=view.file_name, media_type=view.media_type)


@blueprint.post("/p/<slug>/reports/<uuid:report_id>/delete")
@needs(Permission.REPORT_CREATE)
def delete(slug: str, report_id: UUID) -> Response:
    """Delete a report with its file."""
    view = _report(project_by_slug(current_scope(), slug), report_id)
    delete_report(current_scope(), view.id)
    say(f"{view.file_name} was deleted.")
    return go_to(url_for("reports.index", slug=slug, run=request.form.get("run", type=int)))


def _report(project: ProjectView, report_id: UUID) -> ReportView:
    view = view_report(current_scope(), report_id)
    if view.project_id != project.id:
        raise NotFound("There is no such report in this project.")
    return view


def _run(project: ProjectView, number: int) -> RunView | None:
    return view_run_by_number(current_scope(), project.id, number) if number else None


def _new_report(project: ProjectView, form: forms.ReportForm) -> NewReport:
    run, against = (_run(project, number) for number in (form.run, form.against))
    if run is None:
        raise NotFound("There is no such run here.")
    return NewReport(run_id=run.id, exporter=form.exporter, baseline_id=against.id if against else None)


def _views(project: ProjectView, run: RunView | None) -> dict[str, Any]:
    scope = current_scope()
    chosen = ReportFilter(project_id=project.id, run_id=run.id if run else None)
    page = list_reports(scope, page_request(cursor=request.args.get("cursor")), chosen)
    return {"page": page, "run": run, "seen": forms.seen(page.items), "links": page_links(page), "now": scope.now}


def _page(project: ProjectView, form: forms.ReportForm, error: AppError | None = None) -> Response:
    run = _run(project, form.run)
    against = _run(project, form.against)
    return render_page(
        "reports/index.html",
        section="reports",
        project=project,
        status=error.status if error else 200,
        **_views(project, run),
        against=against,
        form=form,
        format_options=[(one.key, one.title) for one in list_formats(runtime().registry)],
        can_create=current_scope().may(Permission.REPORT_CREATE, project=project.id),
        kept_days=runtime().settings.report_days,
        errors=error.errors if error else {},
        message=error.detail if error else "",
    )
