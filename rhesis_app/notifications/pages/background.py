"""The page of background work."""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.kernel.permissions import Permission
from rhesis_app.notifications.actions.background import cancel_job
from rhesis_app.notifications.queries.background import JobFilter, JobView, list_jobs
from rhesis_app.notifications.rules.jobs import JobStatus
from rhesis_app.projects.queries import list_project_choices
from rhesis_app.tenancy.queries.roles import user_names
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to, nothing_new
from rhesis_app.web.pages import csrf_token, render_fragment, render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope, runtime

blueprint = Blueprint("jobs", __name__)
_STATUSES = {str(status) for status in JobStatus}


@blueprint.get("/settings/jobs")
@needs(Permission.PROJECT_READ)
def index() -> Response:
    """What is done in the background, newest first."""
    return render_page("jobs/index.html", section="jobs", csrf_token=csrf_token(), **_views())


@blueprint.get("/settings/jobs/progress")
@needs(Permission.PROJECT_READ)
def progress() -> Response:
    """The list as a fragment, for the page that watches it; nothing while nothing has changed."""
    views = _views()
    if request.args.get("seen") == views["seen"]:
        return nothing_new()
    return render_fragment("jobs/_jobs.html", **views)


@blueprint.post("/settings/jobs/<uuid:job_id>/cancel")
@needs(Permission.PROJECT_READ)
def cancel(job_id: UUID) -> Response:
    """Cancel a job."""
    cancel_job(current_scope(), runtime().jobs, job_id)
    say("It is being cancelled: what was half done is thrown away.")
    return go_to(url_for("jobs.index"))


def _views() -> dict[str, Any]:
    scope = current_scope()
    status = request.args.get("status", "")
    chosen = JobFilter(status=status if status in _STATUSES else None)
    page = list_jobs(scope, runtime().jobs, page_request(cursor=request.args.get("cursor")), chosen)
    return {
        "page": page,
        "links": page_links(page),
        "chosen": chosen,
        "projects": {one.id: one.name for one in list_project_choices(scope)},
        "names": user_names(scope, (one.asked_by for one in page.items if one.asked_by)),
        "seen": _seen(page.items),
        "now": scope.now,
    }


def _seen(jobs: Iterable[JobView]) -> str:
    state = [(str(one.id), one.status, one.progress, one.attempt, one.can_cancel) for one in jobs]
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]
