"""Making organizations."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import BUILT_IN_ROLES
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import Membership, Organization, Role, User
from rhesis_app.tenancy.rules import check_email, slug_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOwner:
    """Who founds an organization; `password_hash` is already hashed."""

    organization_name: str
    name: str
    email: str
    password_hash: str
    is_demo: bool = False


def found_organization(scope: Scope, new: NewOwner) -> UUID:
    """Make an organization with its built-in roles and its first owner; returns the owner's id.

    `scope.actor` already names the ids of both: the policies let nobody write rows of another user or organization.
    Raises Invalid when a field is missing or not an e-mail address.
    """
    _check(new)
    user_id, organization_id = scope.actor.user_id, scope.organization_id
    assert user_id is not None
    with scope.atomic() as session:
        slug = f"{slug_of(new.organization_name)}-{organization_id.hex[-6:]}"
        session.add(
            Organization(
                id=organization_id,
                name=new.organization_name.strip(),
                slug=slug,
                settings={"demo": True} if new.is_demo else {},
            )
        )
        session.add(User(id=user_id, email=check_email(new.email), name=new.name.strip()))
        session.flush()
        roles = {name: Role(id=new_id(), name=name, is_builtin=True) for name in BUILT_IN_ROLES}
        session.add_all(roles.values())
        session.flush()
        session.add(Membership(user_id=user_id, role_id=roles["Owner"].id))
        session.execute(text("SELECT set_password(:who, :hash)"), {"who": user_id, "hash": new.password_hash})
        scope.record("organization.found", "organization", organization_id, name=new.organization_name.strip())
    return user_id


def _check(new: NewOwner) -> None:
    errors: dict[str, list[str]] = {}
    for field, value in (("organization_name", new.organization_name), ("name", new.name)):
        if not value.strip() or len(value) > 200:
            errors[field] = ["Give a name of at most 200 characters."]
    if errors:
        raise Invalid("Some fields need another look.", errors=errors)
    check_email(new.email)
