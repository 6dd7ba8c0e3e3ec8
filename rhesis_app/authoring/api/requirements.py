"""Requirements over the API."""

from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.authoring.actions import requirements as actions
from rhesis_app.authoring.queries import requirements as queries
from rhesis_app.authoring.queries.requirements import RequirementFilter, RequirementView
from rhesis_app.authoring.schemas.requirements import (
    NewRequirementArguments,
    RequirementChangesArguments,
    RequirementListArguments,
)
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint(
    "requirements_api",
    __name__,
    url_prefix="/api/v1/requirements",
    description="What the application under test must do, in words",
)


@blueprint.route("")
class Requirements(MethodView):
    """All requirements."""

    @needs(Permission.REQUIREMENT_READ)
    @blueprint.arguments(RequirementListArguments, location="query")
    @blueprint.answers(200, RequirementView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[RequirementView]:
        """List requirements by name, of one project or of all you may read."""
        page = page_request(**{name: arguments.pop(name) for name in ("limit", "cursor", "count")})
        return queries.list_requirements(current_scope(), page, RequirementFilter(**arguments))

    @needs(Permission.REQUIREMENT_WRITE)
    @blueprint.arguments(NewRequirementArguments)
    @blueprint.answers(201, RequirementView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a requirement and attach the metrics that judge it."""
        arguments["metric_ids"] = tuple(arguments["metric_ids"])
        view = actions.create_requirement(current_scope(), actions.NewRequirement(**arguments))
        return Answer(view, {"Location": f"/api/v1/requirements/{view.id}", "ETag": view.etag})


@blueprint.route("/<uuid:requirement_id>")
class Requirement(MethodView):
    """One requirement."""

    @needs(Permission.REQUIREMENT_READ)
    @blueprint.answers(200, RequirementView)
    def get(self, requirement_id: UUID) -> Answer:
        """Read a requirement."""
        view = queries.get_requirement(current_scope(), requirement_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.REQUIREMENT_WRITE)
    @blueprint.arguments(RequirementChangesArguments)
    @blueprint.answers(200, RequirementView)
    def patch(self, arguments: dict[str, Any], requirement_id: UUID) -> Answer:
        """Change only the fields sent; `If-Match` refuses a change of something newer."""
        if "metric_ids" in arguments:
            arguments["metric_ids"] = tuple(arguments["metric_ids"])
        changes = actions.RequirementChanges(**arguments)
        view = actions.update_requirement(
            current_scope(), requirement_id, changes, if_match=request.headers.get("If-Match")
        )
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.REQUIREMENT_DELETE)
    @blueprint.answers(200, RequirementView)
    def delete(self, requirement_id: UUID) -> RequirementView:
        """Archive a requirement; its tests and results keep it."""
        return actions.archive_requirement(current_scope(), requirement_id)


@blueprint.route("/<uuid:requirement_id>/restore", methods=["POST"])
@needs(Permission.REQUIREMENT_DELETE)
@blueprint.answers(200, RequirementView)
def restore(requirement_id: UUID) -> RequirementView:
    """Bring an archived requirement back."""
    return actions.restore_requirement(current_scope(), requirement_id)
