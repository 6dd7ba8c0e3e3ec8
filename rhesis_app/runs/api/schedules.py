"""Schedules over the API."""

from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.runs.actions import schedules as actions
from rhesis_app.runs.queries import schedules as queries
from rhesis_app.runs.queries.schedules import FirePreview, ScheduleFilter, ScheduleView
from rhesis_app.runs.schemas import (
    FirePreviewArguments,
    NewScheduleArguments,
    ScheduleChangesArguments,
    ScheduleListArguments,
)
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint(
    "schedules_api",
    __name__,
    url_prefix="/api/v1/schedules",
    description="Runs that are started again and again, at the times that a cron expression gives in a time zone",
)


@blueprint.route("")
class Schedules(MethodView):
    """All schedules."""

    @needs(Permission.RUN_READ)
    @blueprint.arguments(ScheduleListArguments, location="query")
    @blueprint.answers(200, ScheduleView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[ScheduleView]:
        """List schedules by name, of one project or of all you may read, with the latest run of each."""
        page = page_request(**{name: arguments.pop(name) for name in ("limit", "cursor", "count")})
        return queries.list_schedules(current_scope(), page, ScheduleFilter(**arguments))

    @needs(Permission.RUN_EXECUTE)
    @blueprint.arguments(NewScheduleArguments)
    @blueprint.answers(201, ScheduleView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a schedule: it starts a run of the test set against the endpoint each time, and one run for times missed."""
        arguments["metric_ids"] = tuple(arguments["metric_ids"])
        view = actions.create_schedule(current_scope(), actions.NewSchedule(**arguments))
        return Answer(view, {"Location": f"/api/v1/schedules/{view.id}", "ETag": view.etag})


@blueprint.route("/preview", methods=["POST"])
@needs(Permission.RUN_READ)
@blueprint.arguments(FirePreviewArguments)
@blueprint.answers(200, FirePreview)
def preview(arguments: dict[str, Any]) -> FirePreview:
    """Say when an expression fires next in a zone, five times over. Nothing is kept."""
    return queries.preview_fires(current_scope(), arguments["cron"], arguments["time_zone"])


@blueprint.route("/<uuid:schedule_id>")
class Schedule(MethodView):
    """One schedule."""

    @needs(Permission.RUN_READ)
    @blueprint.answers(200, ScheduleView)
    def get(self, schedule_id: UUID) -> Answer:
        """Read a schedule; its runs are `GET /test-runs?schedule_id=`."""
        view = queries.get_schedule(current_scope(), schedule_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.RUN_EXECUTE)
    @blueprint.arguments(ScheduleChangesArguments)
    @blueprint.answers(200, ScheduleView)
    def patch(self, arguments: actions.ScheduleChanges, schedule_id: UUID) -> Answer:
        """Change only the fields sent; `If-Match` refuses a change of something newer."""
        if_match = request.headers.get("If-Match")
        view = actions.update_schedule(current_scope(), schedule_id, arguments, if_match=if_match)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.RUN_EXECUTE)
    @blueprint.answers(200, ScheduleView)
    def delete(self, schedule_id: UUID) -> ScheduleView:
        """Archive a schedule: it fires no more, and its runs stay."""
        return actions.archive_schedule(current_scope(), schedule_id)


@blueprint.route("/<uuid:schedule_id>/restore", methods=["POST"])
@needs(Permission.RUN_EXECUTE)
@blueprint.answers(200, ScheduleView)
def restore(schedule_id: UUID) -> ScheduleView:
    """Bring an archived schedule back."""
    return actions.restore_schedule(current_scope(), schedule_id)


@blueprint.route("/<uuid:schedule_id>/pause", methods=["POST"])
@needs(Permission.RUN_EXECUTE)
@blueprint.answers(200, ScheduleView)
def pause(schedule_id: UUID) -> ScheduleView:
    """Let a schedule fire no more until it is resumed."""
    return actions.pause_schedule(current_scope(), schedule_id)


@blueprint.route("/<uuid:schedule_id>/resume", methods=["POST"])
@needs(Permission.RUN_EXECUTE)
@blueprint.answers(200, ScheduleView)
def resume(schedule_id: UUID) -> ScheduleView:
    """Let a paused schedule fire again; what was missed meanwhile stays missed."""
    return actions.resume_schedule(current_scope(), schedule_id)
