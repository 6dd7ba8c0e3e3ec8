"""Making organizations."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, text, update

from rhesis_app.infra.orm import Json
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import BUILT_IN_ROLES, OWNER, Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import Membership, Organization, Role, User
from rhesis_app.tenancy.queries.organizations import OrganizationView, list_organizations, view_organization
from rhesis_app.tenancy.rules import MOST_ORGANIZATIONS, check_email, check_name, slug_of

ELSEWHERE = "This is not the active organization. Switch to it first."


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
    user_id = scope.actor.user_id
    assert user_id is not None
    with scope.atomic() as session:
        session.add(User(id=user_id, email=check_email(new.email), name=new.name.strip()))
        session.flush()
        _make(scope, new.organization_name.strip(), {"demo": True} if new.is_demo else {})
        session.execute(text("SELECT set_password(:who, :hash)"), {"who": user_id, "hash": new.password_hash})
    return user_id


def found_another(host: Host, founder: Scope, name: str) -> UUID:
    """Make one more organization, owned by the founder; returns its id. Raises Invalid, Forbidden, Conflict."""
    if founder.actor.kind != "user" or founder.actor.user_id is None:
        raise Forbidden("Sign in to make an organization: a token belongs to one.")
    named = check_name(name)
    if len(list_organizations(founder)) >= MOST_ORGANIZATIONS:
        raise Conflict(f"You belong to {MOST_ORGANIZATIONS} organizations already. Leave one that you do not need.")
    actor = Actor(
        kind="user", user_id=founder.actor.user_id, organization_id=new_id(), permissions=BUILT_IN_ROLES[OWNER]
    )
    with host.open_scope(actor, ip=founder.ip) as scope, scope.atomic():
        _make(scope, named, {})
    return actor.organization_id


def rename_organization(scope: Scope, organization_id: UUID, name: str) -> OrganizationView:
    """Give the active organization another name; its addresses stay. Raises NotFound, Forbidden, Invalid."""
    require_active(scope, organization_id)
    scope.require(Permission.ORGANIZATION_UPDATE)
    named = check_name(name)
    with scope.atomic() as session:
        renamed = update(Organization).where(Organization.id == scope.organization_id)
        session.execute(renamed.values(name=named, updated_at=func.now()))
        scope.record("organization.rename", "organization", organization_id, name=named)
    return view_organization(scope, organization_id)


def require_active(scope: Scope, organization_id: UUID) -> None:
    """Raise NotFound unless this is the active organization; one of the actor's others is to be switched to first."""
    if organization_id != scope.organization_id:
        view_organization(scope, organization_id)
        raise NotFound(ELSEWHERE)


def require_person(scope: Scope) -> UUID:
    """The id of the person who acts. Raises Forbidden for a token."""
    if scope.actor.user_id is None or scope.actor.kind != "user":
        raise Forbidden("Sign in for this: a token may not.")
    return scope.actor.user_id


def _make(scope: Scope, name: str, settings: Json) -> None:
    """The organization, its built-in roles, and the actor as its owner."""
    session, organization_id = scope.session, scope.organization_id
    slug = f"{slug_of(name)}-{organization_id.hex[-6:]}"
    session.add(Organization(id=organization_id, name=name, slug=slug, settings=settings))
    session.flush()
    roles = {name: Role(id=new_id(), name=name, is_builtin=True) for name in BUILT_IN_ROLES}
    session.add_all(roles.values())
    session.flush()
    session.add(Membership(user_id=scope.actor.user_id, role_id=roles[OWNER].id))
    scope.record("organization.found", "organization", organization_id, name=name)


def _check(new: NewOwner) -> None:
    errors: dict[str, list[str]] = {}
    for field, value in (("organization_name", new.organization_name), ("name", new.name)):
        if not value.strip() or len(value) > 200:
            errors[field] = ["Give a name of at most 200 characters."]
    if errors:
        raise Invalid("Some fields need another look.", errors=errors)
    check_email(new.email)
