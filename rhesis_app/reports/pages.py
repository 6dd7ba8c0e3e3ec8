"""Exports from the pages of a run."""

from flask import Blueprint, Response, url_for

from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import project_by_slug
from rhesis_app.reports.actions import write_report
from rhesis_app.reports.queries import exporter_of, open_report
from rhesis_app.runs.queries.runs import view_run_by_number
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
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
