"""Exports and reports over the API."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask.views import MethodView

from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.reports.actions.make import NewReport, ask_for_report, delete_report
from rhesis_app.reports.actions.write import write_report
from rhesis_app.reports.queries import (
    ReportFilter,
    ReportView,
    copy_file,
    exporter_of,
    list_reports,
    open_report,
    report_is_finished,
    view_report,
)
from rhesis_app.reports.schemas import ExportArguments, NewReportArguments, ReportArguments, ReportListArguments
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope, runtime
from rhesis_app.web.waiting import wait_until

blueprint = ApiBlueprint("reports_api", __name__, url_prefix="/api/v1", description="Runs written down")


@blueprint.route("/test-runs/<uuid:run_id>/export")
@needs(Permission.RUN_READ)
@blueprint.arguments(ExportArguments, location="query")
@blueprint.answers(200, description="The run in the format asked for, as an attachment.")
def export(arguments: dict[str, str], run_id: UUID) -> Response:
    """Export a run with all its results: `junit.xml`, `csv.results`, `json.run`, and what plugins add."""
    exporter = exporter_of(runtime().registry, arguments["format"])
    here = url_for("runs_api.Run", run_id=run_id, _external=True)
    report = open_report(current_scope(), runtime().registry, run_id, url=here)
    return download(
        lambda file: write_report(exporter, report, file),
        name=f"run-{report.summary.number}.{exporter.extension}",
        media_type=exporter.media_type,
    )


@blueprint.route("/reports")
class Reports(MethodView):
    """All reports."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(ReportListArguments, location="query")
    @blueprint.answers(200, ReportView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[ReportView]:
        """List reports, newest first."""
        chosen = ReportFilter(**{name: arguments.pop(name) for name in ("project_id", "run_id")})
        return list_reports(current_scope(), page_request(**arguments), chosen)

    @needs(Permission.REPORT_CREATE)
    @blueprint.arguments(NewReportArguments)
    @blueprint.answers(202, ReportView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Have a report of an ended run, or of a comparison, written in the background by any plugin's exporter."""
        kept = timedelta(days=runtime().settings.report_days)
        report_id = ask_for_report(current_scope(), runtime().registry, _new_report(arguments), kept=kept)
        return Answer(view_report(current_scope(), report_id), {"Location": f"/api/v1/reports/{report_id}"})


@blueprint.route("/reports/<uuid:report_id>")
class Report(MethodView):
    """One report."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(ReportArguments, location="query")
    @blueprint.answers(200, ReportView)
    def get(self, arguments: dict[str, Any], report_id: UUID) -> ReportView:
        """Read a report; with `wait` the answer comes when it is written, or after that many seconds."""
        view = view_report(current_scope(), report_id)
        if view.is_finished or not arguments["wait"]:
            return view
        wait_until(lambda: report_is_finished(current_scope(), report_id), arguments["wait"])
        return view_report(current_scope(), report_id)

    @needs(Permission.REPORT_CREATE)
    @blueprint.answers(204)
    def delete(self, report_id: UUID) -> None:
        """Delete a report with its file; one that is still being written is given up."""
        delete_report(current_scope(), report_id)


@blueprint.route("/reports/<uuid:report_id>/file")
@needs(Permission.RUN_READ)
@blueprint.answers(200, description="The report's file, as an attachment.")
def file(report_id: UUID) -> Response:
    """Download a report's file; 409 while there is none."""
    view = view_report(current_scope(), report_id)
    return download(partial(copy_file, current_scope(), view), name=view.file_name, media_type=view.media_type)


def _new_report(arguments: dict[str, Any]) -> NewReport:
    run_id, compared, exporter = arguments["run_id"], arguments["comparison"], arguments["exporter"]
    if (run_id is None) == (compared is None):
        raise Invalid.field("run_id", "Give either run_id or comparison.")
    if compared is None:
        return NewReport(run_id=run_id, exporter=exporter)
    return NewReport(run_id=compared["candidate"], baseline_id=compared["baseline"], exporter=exporter)
