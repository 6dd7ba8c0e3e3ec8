"""An organization's data as one file, over the API."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.notifications.queries.background import job_is_finished
from rhesis_app.retention.actions.export import ask_for_archive, delete_archive
from rhesis_app.retention.queries.archives import ArchiveView, copy_archive, list_archives, view_archive
from rhesis_app.retention.schemas import ArchiveArguments, ArchiveListArguments
from rhesis_app.web.access import needs
from rhesis_app.web.downloads import download
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope, runtime
from rhesis_app.web.waiting import wait_until

blueprint = ApiBlueprint(
    "archives_api", __name__, url_prefix="/api/v1/archives", description="An organization's data as one file"
)


@blueprint.route("")
class Archives(MethodView):
    """All archives."""

    @needs(Permission.ORGANIZATION_DELETE)
    @blueprint.arguments(ArchiveListArguments, location="query")
    @blueprint.answers(200, ArchiveView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[ArchiveView]:
        """List the archives of the organization that are kept, newest first."""
        return list_archives(current_scope(), page_request(**arguments))

    @needs(Permission.ORGANIZATION_DELETE)
    @blueprint.answers(202, ArchiveView)
    def post(self) -> Answer:
        """Have all data of the organization written to one file in the background; 409 while one is being written."""
        archive_id = ask_for_archive(current_scope(), kept=timedelta(days=runtime().settings.report_days))
        return Answer(view_archive(current_scope(), archive_id), {"Location": f"/api/v1/archives/{archive_id}"})


@blueprint.route("/<uuid:archive_id>")
class Archive(MethodView):
    """One archive."""

    @needs(Permission.ORGANIZATION_DELETE)
    @blueprint.arguments(ArchiveArguments, location="query")
    @blueprint.answers(200, ArchiveView)
    def get(self, arguments: dict[str, Any], archive_id: UUID) -> ArchiveView:
        """Read an archive; with `wait` the answer comes when it is written, or after that many seconds."""
        view = view_archive(current_scope(), archive_id)
        if view.is_finished or not arguments["wait"]:
            return view
        wait_until(lambda: job_is_finished(current_scope(), view.job_id), arguments["wait"])
        return view_archive(current_scope(), archive_id)

    @needs(Permission.ORGANIZATION_DELETE)
    @blueprint.answers(204)
    def delete(self, archive_id: UUID) -> None:
        """Delete an archive with its file; one that is still being written is given up."""
        delete_archive(current_scope(), archive_id)


@blueprint.route("/<uuid:archive_id>/file")
@needs(Permission.ORGANIZATION_DELETE)
@blueprint.answers(200, description="The archive, a ZIP file, as an attachment.")
def file(archive_id: UUID) -> Response:
    """Download an archive; 409 while there is none."""
    view = view_archive(current_scope(), archive_id)
    return download(partial(copy_archive, current_scope(), view), name=view.file_name, media_type="application/zip")
