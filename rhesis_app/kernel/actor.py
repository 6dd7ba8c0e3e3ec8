"""Who acts, in which organization, with which permissions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from rhesis_app.kernel.permissions import ORGANIZATION_ALONE, ORGANIZATION_WIDE, Permission

ActorKind = Literal["user", "token", "system"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One principal. A project role only adds to the organization's, and nothing that is of the organization alone.

    `only_project` narrows a token to one project, and takes what reaches past it from `permissions`. `token_id` names the API
    token that acts, None for anybody else.
    """

    kind: ActorKind
    user_id: UUID | None
    organization_id: UUID
    permissions: frozenset[Permission]
    project_permissions: Mapping[UUID, frozenset[Permission]] = field(default_factory=dict)
    only_project: UUID | None = None
    token_id: UUID | None = None

    def __post_init__(self) -> None:
        in_projects = {project: held - ORGANIZATION_ALONE for project, held in self.project_permissions.items()}
        object.__setattr__(self, "project_permissions", in_projects)
        if self.only_project is not None:
            object.__setattr__(self, "permissions", self.permissions - ORGANIZATION_WIDE)

    @classmethod
    def system(cls, organization_id: UUID, permissions: frozenset[Permission] = frozenset(Permission)) -> "Actor":
        """The organization's own background work: no user, only the permissions its job declares."""
        return cls(kind="system", user_id=None, organization_id=organization_id, permissions=permissions)

    def may(self, permission: Permission, project: UUID | None = None) -> bool:
        """Whether `permission` holds, for `project` or, with None, for the organization as a whole."""
        if self.only_project is not None and project is not None and project != self.only_project:
            return False
        if permission in self.permissions:
            return True
        return project is not None and permission in self.project_permissions.get(project, frozenset())

    def may_somewhere(self, permission: Permission) -> bool:
        """Whether `permission` holds across the organization or in at least one project."""
        return self.may(permission) or any(self.may(permission, project) for project in self.project_permissions)

    def permissions_in(self, project: UUID) -> frozenset[Permission]:
        """All that holds in a project."""
        return frozenset(permission for permission in Permission if self.may(permission, project))
