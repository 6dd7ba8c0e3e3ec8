"""What may be done, as `resource:action`, and what the four built-in roles may do."""

from enum import StrEnum
from functools import lru_cache


class Permission(StrEnum):
    """Every permission there is; the names are stored in rows and tokens, so they never change."""

    AUDIT_READ = "audit:read"
    ENDPOINT_DELETE = "endpoint:delete"
    ENDPOINT_INVOKE = "endpoint:invoke"
    ENDPOINT_READ = "endpoint:read"
    ENDPOINT_SECRET = "endpoint:secret"  # noqa: S105 a permission's name
    ENDPOINT_WRITE = "endpoint:write"
    GATE_MANAGE = "gate:manage"
    MEMBER_MANAGE = "member:manage"
    MEMBER_READ = "member:read"
    METRIC_DELETE = "metric:delete"
    METRIC_READ = "metric:read"
    METRIC_WRITE = "metric:write"
    MODEL_DELETE = "model:delete"
    MODEL_READ = "model:read"
    MODEL_SECRET = "model:secret"  # noqa: S105 a permission's name
    MODEL_WRITE = "model:write"
    ORGANIZATION_DELETE = "organization:delete"
    ORGANIZATION_UPDATE = "organization:update"
    PLUGIN_READ = "plugin:read"
    PROJECT_DELETE = "project:delete"
    PROJECT_READ = "project:read"
    PROJECT_WRITE = "project:write"
    PROMPT_DELETE = "prompt:delete"
    PROMPT_READ = "prompt:read"
    PROMPT_WRITE = "prompt:write"
    REPORT_CREATE = "report:create"
    REQUIREMENT_DELETE = "requirement:delete"
    REQUIREMENT_READ = "requirement:read"
    REQUIREMENT_WRITE = "requirement:write"
    REVIEW_WRITE = "review:write"
    ROLE_MANAGE = "role:manage"
    RUN_CANCEL = "run:cancel"
    RUN_EXECUTE = "run:execute"
    RUN_READ = "run:read"
    TEST_DELETE = "test:delete"
    TEST_READ = "test:read"
    TEST_WRITE = "test:write"
    TEST_SET_DELETE = "test_set:delete"
    TEST_SET_READ = "test_set:read"
    TEST_SET_WRITE = "test_set:write"
    TOKEN_MANAGE = "token:manage"  # noqa: S105 a permission's name


_EVERYTHING = frozenset(Permission)
_READ = frozenset(p for p in Permission if p.endswith(":read") and p is not Permission.AUDIT_READ)
_OWNERS_ALONE = frozenset({Permission.ORGANIZATION_DELETE, Permission.ROLE_MANAGE})
_ADMINS_ALONE = frozenset(
    {
        Permission.AUDIT_READ,
        Permission.ENDPOINT_SECRET,
        Permission.MEMBER_MANAGE,
        Permission.MODEL_SECRET,
        Permission.ORGANIZATION_UPDATE,
        Permission.PROJECT_DELETE,
    }
)

ORGANIZATION_WIDE = frozenset(
    {
        Permission.AUDIT_READ,
        Permission.MEMBER_MANAGE,
        Permission.ORGANIZATION_DELETE,
        Permission.ORGANIZATION_UPDATE,
        Permission.ROLE_MANAGE,
    }
)
"""What reaches past any single project: an actor of one project has none of it."""
ORGANIZATION_ALONE = ORGANIZATION_WIDE - {Permission.MEMBER_MANAGE}
"""What a role in a project gives to nobody; a project has members as well, and nothing else of this."""

OWNER = "Owner"
BUILT_IN_ROLES: dict[str, frozenset[Permission]] = {
    OWNER: _EVERYTHING,
    "Admin": _EVERYTHING - {Permission.ORGANIZATION_DELETE},
    "Member": _EVERYTHING - _OWNERS_ALONE - _ADMINS_ALONE,
    "Viewer": _READ | {Permission.TOKEN_MANAGE},
}
"""Role name → permissions. A viewer manages tokens because a token never carries more than its user may do."""


def known_permissions(names: list[str] | tuple[str, ...]) -> frozenset[Permission]:
    """The permissions among `names`; a name that this version does not know grants nothing."""
    return _known(tuple(names))


@lru_cache(maxsize=1024)  # every request asks, and a token's scopes hardly ever change
def _known(names: tuple[str, ...]) -> frozenset[Permission]:
    values = set(Permission)
    return frozenset(Permission(name) for name in names if name in values)
