"""How long an organization keeps what it found, over the API."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.retention.actions.keep import set_keeping
from rhesis_app.retention.queries.keeping import RetentionView, keeping_of, view_retention
from rhesis_app.retention.schemas import RetentionArguments, RetentionChanges
from rhesis_app.tenancy.actions.organizations import ELSEWHERE
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint(
    "retention_api",
    __name__,
    url_prefix="/api/v1/organizations",
    description="How long results and the audit log are kept",
)


@blueprint.route("/<uuid:organization_id>/retention")
class Retention(MethodView):
    """What the active organization keeps."""

    @needs(Permission.ORGANIZATION_DELETE)
    @blueprint.arguments(RetentionArguments, location="query")
    @blueprint.answers(200, RetentionView)
    def get(self, arguments: dict[str, Any], organization_id: UUID) -> RetentionView:
        """Read the settings, and how many runs go by them; with `result_days`, how many would go by that."""
        _require_active(organization_id)
        return view_retention(current_scope(), result_days=arguments["result_days"])

    @needs(Permission.ORGANIZATION_DELETE)
    @blueprint.arguments(RetentionChanges)
    @blueprint.answers(200, RetentionView)
    def patch(self, arguments: dict[str, Any], organization_id: UUID) -> RetentionView:
        """Change only what is sent. Runs that are older are erased for good within hours, so ask first how many there are."""
        _require_active(organization_id)
        scope = current_scope()
        set_keeping(scope, replace(keeping_of(scope), **arguments))
        return view_retention(scope)


def _require_active(organization_id: UUID) -> None:
    if organization_id != current_scope().organization_id:
        raise NotFound(ELSEWHERE)
