"""Whose account somebody is that a sign-on provider vouches for, where it belongs, and as what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from rhesis_app.auth.actions.sign_in import Client, SignedIn, open_session
from rhesis_app.auth.actions.sso_refusals import Refused
from rhesis_app.auth.models import SsoIdentity
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.kernel.sign_on import SignOn, Vouched
from rhesis_app.tenancy.actions.invitations import take_invitation
from rhesis_app.tenancy.actions.members import take_role
from rhesis_app.tenancy.models import Membership, User
from rhesis_app.tenancy.queries.members import roles_by_name
from rhesis_app.tenancy.rules import check_email

EVERYBODY: Final = "*"
WITHOUT_GROUPS: Final = "Viewer"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a sign-on leads: an organization that somebody belongs to, that the provider signs in, or that invites them."""

    organization_id: UUID
    by_provider: bool = False
    invitation: Row | None = None


def sign_in_vouched(host: Host, sign_on: SignOn, vouched: Vouched, client: Client) -> SignedIn:
    """Open a session of whoever the provider vouches for; new people join the organization that it signs in, if it names one.

    An account is known by issuer and subject. By its address it is found once, if the address is verified and nothing
    else proves it: no password, nobody else at that provider. Raises Refused, NotFound, Conflict for two at once.
    """
    account = _account(host, vouched)
    user_id = account["user_id"] if account else new_id()
    place = _place(host, sign_on, user_id)
    way = _way(host, sign_on, vouched, place, account["organization_id"] if account else None)
    actor = Actor(kind="user", user_id=user_id, organization_id=way.organization_id, permissions=frozenset())
    try:
        with host.open_scope(actor, ip=client.ip) as scope:
            role = _role(scope, sign_on, vouched) if way.by_provider else ""
            with scope.atomic():
                _keep(scope, vouched, account)
                if way.invitation is not None:
                    _accept(scope, way.invitation, vouched.email)
                elif way.by_provider:
                    _settle(scope, role, is_member=bool(place and place["is_member"]))
                scope.record("sso.sign_in", "user", user_id, provider=sign_on.label)
    except IntegrityError as error:
        raise Conflict("Somebody signed in with this account at the same moment. Start again.") from error
    entered = (account["organization_id"] if account else None) or way.organization_id
    return open_session(host, user_id, entered, account["epoch"] if account else 0, client)


def choose_role(
    roles: Mapping[str, str], groups: Sequence[str], known: Mapping[str, tuple[UUID, frozenset[Permission]]]
) -> str | None:
    """Of the roles that these groups stand for, and that exist, the one that may most; None when there is none."""
    named = {roles[group] for group in (*groups, EVERYBODY) if group in roles}
    return max(sorted(named & known.keys()), key=lambda name: len(known[name][1]), default=None)


def find_account(host: Host, vouched: Vouched) -> Row | None:
    """The account of that issuer and subject, or else the one of that address where the provider has verified it."""
    rows = host.ask(
        "SELECT * FROM find_sign_on(:issuer, :subject, :email)",
        issuer=vouched.issuer, subject=vouched.subject, email=vouched.email if vouched.email_verified else "",
    )  # fmt: skip
    return rows[0] if rows else None


def _account(host: Host, vouched: Vouched) -> Row | None:
    account = find_account(host, vouched)
    if account is None:
        if not (vouched.email and vouched.email_verified):
            raise Refused("unverified")
        return None
    if account["kind"] != "person" or not account["is_active"]:
        raise Refused("inactive")
    if not account["is_linked"] and account["has_password"]:
        raise Refused("has_password")
    if not account["is_linked"] and account["has_identity"]:
        raise Refused("other_subject")
    return account


def _place(host: Host, sign_on: SignOn, user_id: UUID) -> Row | None:
    """The person's place in the provider's organization, be it none yet; None where the provider has no organization."""
    if sign_on.organization is None:
        return None
    rows = host.ask("SELECT * FROM find_place(:wanted, :who)", wanted=sign_on.organization, who=user_id)
    if not rows:
        raise Refused("no_organization")
    return rows[0]


def _way(host: Host, sign_on: SignOn, vouched: Vouched, place: Row | None, known: UUID | None) -> _Way:
    """The provider's organization, else the one that the person belongs to, else one that invites them. Raises Refused."""
    may = not sign_on.roles or not sign_on.roles.keys().isdisjoint({*vouched.groups, EVERYBODY})
    if place is not None and may and not place["has_left"]:
        return _Way(place["organization_id"], by_provider=True)
    if place is not None and place["is_member"]:
        raise Refused("no_group")
    if known is not None:
        return _Way(known)
    # nobody is moved by it who has somewhere to be: they follow the link, or do not
    waiting = "SELECT * FROM find_open_invitation(:email)"
    invitations = host.ask(waiting, email=vouched.email) if vouched.email_verified else []
    for invitation in invitations:
        if may or place is None or invitation["organization_id"] != place["organization_id"]:
            return _Way(invitation["organization_id"], invitation=invitation)
    raise Refused("unknown" if place is None else "left" if place["has_left"] else "no_group")


def _role(scope: Scope, sign_on: SignOn, vouched: Vouched) -> str:
    """The role of the person's groups; empty where roles are given by people alone. Raises Refused."""
    if not sign_on.roles:
        return ""
    role = choose_role(sign_on.roles, sorted(vouched.groups), roles_by_name(scope))
    if role is None:
        raise Refused("no_role")
    return role


def _keep(scope: Scope, vouched: Vouched, account: Row | None) -> None:
    """The account and its identity at the provider, as far as they are not there yet."""
    session, user_id = scope.session, scope.actor.user_id
    if account is None:
        email = check_email(vouched.email)
        name = _name(vouched.name) or email.partition("@")[0]
        session.add(User(id=user_id, email=email, name=name, email_verified_at=func.now()))
        session.flush()
    if account is None or not account["is_linked"]:
        session.add(
            SsoIdentity(user_id=user_id, issuer=vouched.issuer, subject=vouched.subject, last_used_at=func.now())
        )
        session.flush()
        scope.record("sso.connect", "user", user_id, email=vouched.email)
        return
    used = update(SsoIdentity).where(SsoIdentity.user_id == user_id, SsoIdentity.issuer == vouched.issuer)
    session.execute(used.values(last_used_at=func.now()))


def _settle(scope: Scope, role: str, *, is_member: bool) -> None:
    """Join with the role, or have it from now on; where no groups give roles, somebody new reads and everybody else stays what they are."""
    if is_member:
        if role:
            take_role(scope, role)
        return
    name = role or WITHOUT_GROUPS
    role_id = roles_by_name(scope)[name][0]
    scope.session.add(Membership(user_id=scope.actor.user_id, role_id=role_id))
    scope.session.flush()
    scope.record("sso.join", "user", scope.actor.user_id, role=name)


def _accept(scope: Scope, invitation: Row, email: str) -> None:
    """Join as an open invitation says, also after having left. Raises NotFound for one that ended a moment ago."""
    take_invitation(scope, invitation["invitation_id"])
    values: dict[str, Any] = {"role_id": invitation["role_id"], "left_at": None, "created_at": func.now()}
    joined = insert(Membership).values(
        id=new_id(), organization_id=scope.organization_id, user_id=scope.actor.user_id, **values
    )
    scope.session.execute(
        joined.on_conflict_do_update(index_elements=[Membership.organization_id, Membership.user_id], set_=values)
    )
    scope.record(
        "invitation.accept",
        "invitation",
        invitation["invitation_id"],
        email=email,
        role=invitation["role_name"],
        by="sso",
    )


def _name(said: str) -> str:
    """What the provider calls somebody, as far as it can be kept."""
    return said.encode("utf-8", "ignore").decode().replace("\x00", "").strip()[:200]
