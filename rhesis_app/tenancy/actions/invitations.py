"""Inviting people: a link that works once, sent by e-mail or handed over by whoever invites."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Interval, func, literal, select, update
from sqlalchemy.exc import IntegrityError

from rhesis_app.kernel.errors import Conflict, Forbidden, NotFound
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest, new_secret
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.announce import announce
from rhesis_app.notifications.rules.events import INVITED, Event, Message, Recipient
from rhesis_app.tenancy.actions.members import ABOVE, hold_members, named_role
from rhesis_app.tenancy.models import Invitation, Membership, Organization, Role, User
from rhesis_app.tenancy.queries.invitations import InvitationView, held_invitation, view_invitation
from rhesis_app.tenancy.queries.members import roles_by_name
from rhesis_app.tenancy.queries.roles import role_permissions
from rhesis_app.tenancy.rules import INVITATION_LIFE, MOST_OPEN_INVITATIONS, check_email

LINK = "link"
OPEN = (Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A new invitation. `path` is its link, None when the link went by e-mail and nobody here has to know it."""

    invitation: InvitationView
    path: str | None = field(repr=False)


def invite(scope: Scope, email: str, role: str) -> Invited:
    """Invite an address; no user is made before it is accepted. Raises Invalid, Forbidden, Conflict."""
    scope.require(Permission.MEMBER_MANAGE)
    address = check_email(email)
    try:
        with scope.atomic():
            mine = hold_members(scope)
            role_id, may = named_role(roles_by_name(scope), role)
            if not may <= mine:
                raise Forbidden(ABOVE)
            _refuse_known(scope, address)
            return _send(scope, address, role_id)
    except IntegrityError as error:
        raise Conflict(_INVITED.format(address), errors={"email": [_INVITED.format(address)]}) from error


def send_again(scope: Scope, invitation_id: UUID) -> Invited:
    """A new link for the same person and role; the one before stops working. Raises NotFound, Forbidden, Conflict."""
    scope.require(Permission.MEMBER_MANAGE)
    with scope.atomic():
        row = _hold(scope, invitation_id)
        if row.revoked_at is not None:
            raise Conflict("This invitation was revoked. Invite the person anew.")
        _revoke(scope, row)
        return _send(scope, row.email, row.role_id)


def revoke_invitation(scope: Scope, invitation_id: UUID) -> InvitationView:
    """Make an invitation's link useless; doing it twice changes nothing. Raises NotFound, Forbidden, Conflict."""
    scope.require(Permission.MEMBER_MANAGE)
    with scope.atomic():
        row = _hold(scope, invitation_id)
        if row.revoked_at is None:
            _revoke(scope, row)
            scope.record("invitation.revoke", "invitation", row.id, email=row.email)
        return view_invitation(scope, invitation_id)


_INVITED = "{} was invited already. Send that invitation again, or revoke it."
_MEMBER = "{} is a member already."


def _hold(scope: Scope, invitation_id: UUID) -> Invitation:
    mine = hold_members(scope)
    query = scope.select(Invitation, Role).join(
        Role, (Role.organization_id == Invitation.organization_id) & (Role.id == Invitation.role_id)
    )
    found = scope.session.execute(
        query.where(Invitation.id == invitation_id).with_for_update(of=Invitation)
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such invitation here.")
    row, role = found
    if not role_permissions(role.name, role.is_builtin, role.permissions) <= mine:
        raise Forbidden(ABOVE)
    if row.accepted_at is not None:
        raise Conflict(f"{row.email} has accepted this invitation already.")
    return row


def _revoke(scope: Scope, row: Invitation) -> None:
    """Only what is still open: whoever accepts at this moment decides by the same kind of statement."""
    statement = update(Invitation).where(
        Invitation.organization_id == scope.organization_id, Invitation.id == row.id, *OPEN
    )
    scope.session.execute(statement.values(revoked_at=func.now()))


def _refuse_known(scope: Scope, address: str) -> None:
    member = (
        scope.select(Membership.id)
        .join(User, User.id == Membership.user_id)
        .where(User.email == address, Membership.left_at.is_(None))
    )
    waiting = scope.select(Invitation.id).with_only_columns(func.count()).where(*OPEN).scalar_subquery()
    closed = select(Organization.delete_after).where(Organization.id == scope.organization_id).scalar_subquery()
    columns = (member.exists().label("is_member"), waiting.label("waiting"), closed.label("delete_after"))
    known = scope.session.execute(select(*columns)).one()
    if known.delete_after is not None:
        raise Conflict("The organization is being deleted. Restore it before you invite anybody.")
    if known.is_member:
        raise Conflict(_MEMBER.format(address), errors={"email": [_MEMBER.format(address)]})
    # one that ran out makes room for the new one
    scope.session.execute(
        update(Invitation)
        .where(
            Invitation.organization_id == scope.organization_id,
            Invitation.email == address,
            Invitation.expires_at <= func.now(),
            *OPEN,
        )
        .values(revoked_at=func.now())
    )
    if known.waiting >= MOST_OPEN_INVITATIONS:
        raise Conflict(f"{MOST_OPEN_INVITATIONS} invitations are waiting already. Revoke some that nobody will accept.")


def _send(scope: Scope, address: str, role_id: UUID) -> Invited:
    secret = new_secret()
    row = Invitation(
        id=new_id(),
        email=address,
        role_id=role_id,
        sha256=digest(secret),
        invited_by=scope.actor.user_id,
        expires_at=func.now() + literal(INVITATION_LIFE, Interval),
    )
    scope.session.add(row)
    scope.session.flush()
    view, path = view_invitation(scope, row.id), f"/invitations/{secret}"
    scope.record("invitation.send", "invitation", row.id, email=address, role=view.role)
    if LINK not in scope.channels:
        return Invited(invitation=view, path=path)
    announce(scope, _letter(scope, view, path))
    return Invited(invitation=view, path=None)


def _letter(scope: Scope, view: InvitationView, path: str) -> Event:
    organization = held_invitation(scope, view.id).organization
    who = view.invited_by or "Somebody"
    return Event(
        kinds=(INVITED,),
        subject_id=view.id,
        message=Message(
            subject=f"{who} invites you to {organization}",
            sentences=(
                f"{organization} tests its AI applications with Rhesis App. You would join as {view.role}.",
                f"The link works once, until {view.expires_at:%d %B %Y, %H:%M} UTC. Nothing happens if you do not follow it.",
            ),
            path=path,
            link="Join",
            why=f"Rhesis App sent this because {who} entered your address. Whoever has the link can join in your name: do not pass it on.",
        ),
        recipients=(Recipient(address=view.email),),
        is_private=True,
    )


def take_invitation(scope: Scope, invitation_id: UUID) -> None:
    """Use an open invitation up: one UPDATE decides among all who try. Raises NotFound."""
    statement = (
        update(Invitation)
        .where(
            Invitation.organization_id == scope.organization_id,
            Invitation.id == invitation_id,
            Invitation.expires_at > func.now(),
            *OPEN,
        )
        .values(accepted_at=func.now())
        .returning(Invitation.id)
    )
    if scope.session.scalar(statement) is None:
        raise NotFound("This invitation was used, revoked or ran out a moment ago. Ask for a new one.")
