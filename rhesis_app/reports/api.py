"""Exports over the API."""

from uuid import UUID

from flask import Response, url_for

from rhesis_app.kernel.permissions import Permission
from rhesis_app.reports.actions import write_report
from rhesis_app.reports.queries import exporter_of, open_report
from rhesis_app.reports.schemas import ExportArguments
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.scope import current_scope, runtime

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
