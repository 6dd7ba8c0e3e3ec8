"""Background work over the API."""

from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.notifications.actions.background import cancel_job
from rhesis_app.notifications.queries.background import JobFilter, JobView, job_is_finished, list_jobs, view_job
from rhesis_app.notifications.schemas.background import JobArguments, JobListArguments
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope, runtime
from rhesis_app.web.waiting import wait_until

blueprint = ApiBlueprint("jobs_api", __name__, url_prefix="/api/v1/jobs", description="Background work")


@blueprint.route("")
class Jobs(MethodView):
    """All background work."""

    @needs(Permission.PROJECT_READ)
    @blueprint.arguments(JobListArguments, location="query")
    @blueprint.answers(200, JobView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[JobView]:
        """List jobs, newest first."""
        chosen = JobFilter(**{name: arguments.pop(name) for name in ("status", "kind", "project_id")})
        return list_jobs(current_scope(), runtime().jobs, page_request(**arguments), chosen)


@blueprint.route("/<uuid:job_id>")
class Job(MethodView):
    """One job."""

    @needs(Permission.PROJECT_READ)
    @blueprint.arguments(JobArguments, location="query")
    @blueprint.answers(200, JobView)
    def get(self, arguments: dict[str, Any], job_id: UUID) -> JobView:
        """Read a job; with `wait` the answer comes when it has ended, or after that many seconds."""
        view = view_job(current_scope(), runtime().jobs, job_id)
        if view.is_finished or not arguments["wait"]:
            return view
        wait_until(lambda: job_is_finished(current_scope(), job_id), arguments["wait"])
        return view_job(current_scope(), runtime().jobs, job_id)


@blueprint.route("/<uuid:job_id>/cancel", methods=["POST"])
@needs(Permission.PROJECT_READ)
@blueprint.answers(200, JobView)
def cancel(job_id: UUID) -> JobView:
    """Cancel a job: your own, or another's when you may do such work. Of an ended job nothing changes."""
    cancel_job(current_scope(), runtime().jobs, job_id)
    return view_job(current_scope(), runtime().jobs, job_id)
