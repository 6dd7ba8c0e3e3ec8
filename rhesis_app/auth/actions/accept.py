"""Accepting an invitation: somebody new gets an account, somebody with one proves that it is theirs, and both join."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from rhesis_app.auth.actions.first_start import verify_address
from rhesis_app.auth.actions.proof import prove
from rhesis_app.auth.actions.sign_in import Client, SignedIn, open_session
from rhesis_app.auth.rules import check_password
from rhesis_app.infra.passwords import hash_password
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.queries.deliveries import was_posted
from rhesis_app.notifications.rules.events import INVITED
from rhesis_app.tenancy.actions.invitations import take_invitation
from rhesis_app.tenancy.models import Membership, User
from rhesis_app.tenancy.queries.invitations import HeldInvitation, held_invitation
from rhesis_app.tenancy.rules import check_name

ENDED: Final = {
    "accepted": "This invitation was accepted already. Sign in with the account that was made then.",
    "revoked": "This invitation was withdrawn, or a newer one was sent. Look for a later letter, or ask for a new invitation.",
    "expired": "This invitation has run out. Ask whoever invited you to send it again.",
    "unknown": "There is no such invitation. Check that the link is whole, or ask for a new one.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvitation:
    """What whoever holds a link may know of it. With `has_account` the address has one, whose password is asked for."""

    email: str
    role: str
    organization: str
    invited_by: str | None
    expires_at: datetime
    has_account: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A link used: `name` and the new `password` of somebody new, or the password and code of the account that there is."""

    token: str = field(repr=False)
    password: str = field(repr=False)
    name: str = ""
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Found:
    invitation: HeldInvitation
    organization_id: UUID
    user_id: UUID | None


def look_at_invitation(host: Host, token: str) -> OpenInvitation:
    """The invitation of a link that may still be used. Raises NotFound with the reason otherwise."""
    found = _find(host, token)
    held = found.invitation
    return OpenInvitation(
        email=held.email,
        role=held.role,
        organization=held.organization,
        invited_by=held.invited_by,
        expires_at=held.expires_at,
        has_account=found.user_id is not None,
    )


def accept_invitation(host: Host, acceptance: Acceptance, client: Client) -> SignedIn:
    """Use a link: join and be signed in. Raises NotFound, Invalid, Unauthenticated, CodeNeeded, TooMany, Conflict."""
    found = _find(host, acceptance.token)
    if found.user_id is not None:
        login = prove(host, found.invitation.email, acceptance.password, acceptance.code, ip=client.ip)
        actor, epoch = _actor(found, found.user_id), login["epoch"]
        with host.open_scope(actor, ip=client.ip) as scope, scope.atomic():
            _join(scope, found)
        return open_session(host, found.user_id, found.organization_id, epoch, client)
    user_id = _register(host, found, acceptance, client)
    return open_session(host, user_id, found.organization_id, 0, client)


def _find(host: Host, token: str) -> _Found:
    rows = host.ask("SELECT * FROM find_invitation(:digest)", digest=digest(token))
    if not rows:
        raise NotFound(ENDED["unknown"])
    row = rows[0]
    with host.open_scope(Actor.system(row["organization_id"], frozenset())) as scope:
        held = held_invitation(scope, row["invitation_id"])
    if held.state != "pending":
        raise NotFound(ENDED[held.state])
    return _Found(held, row["organization_id"], row["user_id"])


def _register(host: Host, found: _Found, acceptance: Acceptance, client: Client) -> UUID:
    email = found.invitation.email
    name = check_name(acceptance.name)
    check_password(acceptance.password, email=email)
    hashed, user_id = hash_password(acceptance.password), new_id()
    try:
        with host.open_scope(_actor(found, user_id), ip=client.ip) as scope, scope.atomic() as session:
            session.add(User(id=user_id, email=email, name=name))
            session.flush()
            session.execute(text("SELECT set_password(:who, :hash)"), {"who": user_id, "hash": hashed})
            _join(scope, found)
    except IntegrityError as error:
        raise Conflict("Somebody registered with this address a moment ago. Open the link again.") from error
    return user_id


def _join(scope: Scope, found: _Found) -> None:
    take_invitation(scope, found.invitation.id)
    values: dict[str, Any] = {"role_id": found.invitation.role_id, "left_at": None, "created_at": func.now()}
    statement = insert(Membership).values(
        id=new_id(), organization_id=scope.organization_id, user_id=scope.actor.user_id, **values
    )
    joined = scope.session.scalar(
        statement.on_conflict_do_update(
            index_elements=[Membership.organization_id, Membership.user_id],
            set_=values,
            where=Membership.left_at.is_not(None),
        ).returning(Membership.id)
    )
    if joined is None:
        raise Conflict(f"You belong to {found.invitation.organization} already: sign in.")
    if was_posted(scope, INVITED, found.invitation.id, found.invitation.email):
        verify_address(scope)  # whoever has the link has read the letter
    scope.record(
        "invitation.accept", "invitation", found.invitation.id, email=found.invitation.email, role=found.invitation.role
    )


def _actor(found: _Found, user_id: UUID) -> Actor:
    return Actor(kind="user", user_id=user_id, organization_id=found.organization_id, permissions=frozenset())
