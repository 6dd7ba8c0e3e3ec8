"""Imports over the API."""

from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.authoring.actions import imports as actions
from rhesis_app.authoring.queries import imports as queries
from rhesis_app.authoring.queries.imports import ImportedSet, ImportView
from rhesis_app.authoring.schemas.imports import FileArguments, ImportChangesArguments, UploadArguments
from rhesis_app.kernel.permissions import Permission
from rhesis_app.notifications.queries.background import JobView, view_job
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.scope import current_scope, runtime

blueprint = ApiBlueprint(
    "imports_api", __name__, url_prefix="/api/v1/imports", description="Files of tests: uploaded, looked at, confirmed"
)


@blueprint.route("", methods=["POST"])
@needs(Permission.TEST_SET_WRITE)
@blueprint.arguments(FileArguments, location="files")
@blueprint.arguments(UploadArguments, location="form")
@blueprint.answers(201, ImportView)
def start(files: dict[str, Any], arguments: dict[str, Any]) -> Answer:
    """Upload a CSV or JSON Lines file and see what it would become; no test is made before it is confirmed."""
    upload = files["file"]
    new = actions.NewImport(file_name=upload.filename or "", content=upload.read(), **arguments)
    view = actions.start_import(current_scope(), runtime().registry, new)
    return Answer(view, {"Location": f"/api/v1/imports/{view.id}"})


@blueprint.route("/<uuid:import_id>")
class Import(MethodView):
    """One upload."""

    @needs(Permission.TEST_SET_WRITE)
    @blueprint.answers(200, ImportView)
    def get(self, import_id: UUID) -> ImportView:
        """Read an upload with its problems and its first tests."""
        return queries.get_import(current_scope(), import_id)

    @needs(Permission.TEST_SET_WRITE)
    @blueprint.arguments(ImportChangesArguments)
    @blueprint.answers(200, ImportView)
    def patch(self, arguments: dict[str, Any], import_id: UUID) -> ImportView:
        """Say what columns mean, or another name for the test set."""
        return actions.update_import(current_scope(), import_id, **arguments)


@blueprint.route("/<uuid:import_id>/confirm", methods=["POST"])
@needs(Permission.TEST_SET_WRITE)
@blueprint.answers(201, ImportedSet)
def confirm(import_id: UUID) -> Answer:
    """Make a test set of the rows without problems; a second time answers the same and makes nothing."""
    made = actions.confirm_import(current_scope(), import_id)
    return Answer(made, {"Location": f"/api/v1/test-sets/{made.test_set_id}"})


@blueprint.route("/<uuid:import_id>/job", methods=["POST"])
@needs(Permission.TEST_SET_WRITE)
@blueprint.answers(202, JobView)
def confirm_in_background(import_id: UUID) -> Answer:
    """Have a worker confirm a large upload, instead of waiting for it; asked again while it is under way, the same job answers."""
    job_id = actions.confirm_in_background(current_scope(), import_id)
    return Answer(view_job(current_scope(), runtime().jobs, job_id), {"Location": f"/api/v1/jobs/{job_id}"})
