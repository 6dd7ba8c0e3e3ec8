"""Bringing back what was put aside."""

from dataclasses import dataclass
from uuid import UUID

from rhesis_app.kernel.errors import Conflict, NotFound
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.models import Project
from rhesis_app.retention.rules.assets import KINDS, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredAsset:
    """Something that is back; its own address has the whole of it."""

    id: UUID
    kind: Kind
    project_id: UUID


def restore_asset(scope: Scope, registry: Registry, kind: str, asset_id: UUID) -> RestoredAsset:
    """Bring something back, as its own restore does. What is not archived stays as it is.

    Raises NotFound, Forbidden, Conflict where its project is archived or its name is taken by now.
    """
    known = next((key for key in KINDS if key == kind), None)
    if known is None:
        raise NotFound(f"Nothing of the kind “{kind[:80]}” can be put aside. There are: {', '.join(sorted(KINDS))}.")
    asset = KINDS[known]
    row = scope.get(asset.row, asset_id)
    project_id: UUID = row.id if known == "project" else row.project_id
    for needed in (asset.read, asset.change):
        scope.require(needed, project=project_id)
    if known != "project" and scope.get(Project, project_id).archived_at is not None:
        raise Conflict("Its project is archived. Restore the project first.")
    asset.restore(scope, registry, asset_id)
    return RestoredAsset(id=asset_id, kind=known, project_id=project_id)
