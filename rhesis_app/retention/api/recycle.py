"""The recycle bin over the API."""

from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.retention.actions.recycle import RestoredAsset, restore_asset
from rhesis_app.retention.queries.recycle import ArchivedAsset, RecycleFilter, list_archived
from rhesis_app.retention.schemas import RecycleListArguments
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope, runtime

blueprint = ApiBlueprint("recycle_api", __name__, url_prefix="/api/v1/recycle-bin", description="What was put aside")


@blueprint.route("")
class RecycleBin(MethodView):
    """Everything that was put aside."""

    @needs(Permission.PROJECT_READ)
    @blueprint.arguments(RecycleListArguments, location="query")
    @blueprint.answers(200, ArchivedAsset, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[ArchivedAsset]:
        """List what was archived and can be restored, the latest first, of the kinds that one may read."""
        chosen = RecycleFilter(kind=arguments.pop("kind"), project_id=arguments.pop("project_id"))
        return list_archived(current_scope(), page_request(**arguments), chosen)


@blueprint.route("/<asset_kind>/<uuid:asset_id>/restore", methods=["POST"])
@needs(Permission.PROJECT_READ)
@blueprint.answers(200, RestoredAsset)
def restore(asset_kind: str, asset_id: UUID) -> RestoredAsset:
    """Bring something back; needs what archiving it needs. 409 while its project is archived or its name is taken."""
    return restore_asset(current_scope(), runtime().registry, asset_kind, asset_id)
