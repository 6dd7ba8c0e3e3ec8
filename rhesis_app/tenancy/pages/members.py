"""Settings › Members: who belongs here, who is invited, and what the roles may do."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from rhesis_app.auth.actions.reset import make_reset_link
from rhesis_app.kernel.errors import AppError, Conflict, Forbidden, Invalid
from rhesis_app.kernel.paging import MAX_LIMIT
from rhesis_app.kernel.permissions import Permission
from rhesis_app.notifications.queries.deliveries import undelivered
from rhesis_app.notifications.rules.events import INVITED
from rhesis_app.tenancy.actions.invitations import LINK, Invited, invite, revoke_invitation, send_again
from rhesis_app.tenancy.actions.members import change_role, remove_member
from rhesis_app.tenancy.queries.invitations import waiting_invitations
from rhesis_app.tenancy.queries.members import list_members, list_roles, view_member
from rhesis_app.tenancy.rules import DEEDS
from rhesis_app.web.access import needs
from rhesis_app.web.htmx import go_to
from rhesis_app.web.links import full_address
from rhesis_app.web.pages import render_page, say
from rhesis_app.web.paging import page_links, page_request
from rhesis_app.web.scope import current_scope

blueprint = Blueprint("members", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteForm:
    """Whom to invite, as typed."""

    email: str = ""
    role: str = "Member"


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshLink:
    """A link that was just made, for somebody to hand over."""

    words: str
    address: str
    note: str


@blueprint.get("/settings/members")
@needs(Permission.MEMBER_READ)
def index() -> Response:
    """The members, and for those who manage them the invitations."""
    return _page(InviteForm())


@blueprint.post("/settings/members/invitations")
@needs(Permission.MEMBER_MANAGE)
def send_invitation() -> Response:
    """Invite somebody; without a mail server the link is shown once."""
    form = InviteForm(email=request.form.get("email", ""), role=request.form.get("role", ""))
    try:
        made = invite(current_scope(), form.email, form.role)
    except (Invalid, Conflict, Forbidden) as error:
        return _page(form, status=error.status, errors=error.errors, message=error.detail)
    return _sent(made)


@blueprint.post("/settings/members/invitations/<uuid:invitation_id>/send")
@needs(Permission.MEMBER_MANAGE)
def renew_invitation(invitation_id: UUID) -> Response:
    """Send it again, or show a new link."""
    try:
        return _sent(send_again(current_scope(), invitation_id))
    except Conflict as error:
        return _refused(error)


@blueprint.post("/settings/members/invitations/<uuid:invitation_id>/revoke")
@needs(Permission.MEMBER_MANAGE)
def revoke(invitation_id: UUID) -> Response:
    """Make its link useless."""
    try:
        view = revoke_invitation(current_scope(), invitation_id)
    except Conflict as error:
        return _refused(error)
    say(f"The invitation of {view.email} was revoked.")
    return go_to(url_for("members.index"))


@blueprint.post("/settings/members/<uuid:user_id>/role")
@needs(Permission.MEMBER_MANAGE)
def save_role(user_id: UUID) -> Response:
    """Give a member another role."""
    try:
        view = change_role(current_scope(), user_id, request.form.get("role", ""))
    except (Invalid, Conflict) as error:
        return _refused(error)
    say(f"{view.name} is {view.role} now.")
    return go_to(url_for("members.index"))


@blueprint.post("/settings/members/<uuid:user_id>/remove")
@needs(Permission.MEMBER_MANAGE)
def remove(user_id: UUID) -> Response:
    """End a member's place here."""
    scope = current_scope()
    view = view_member(scope, user_id)
    try:
        remove_member(scope, user_id)
    except Conflict as error:
        return _refused(error)
    say(f"{view.name} was removed. Their sessions and tokens here have ended.")
    return go_to("/" if view.is_me else url_for("members.index"))


@blueprint.post("/settings/members/<uuid:user_id>/reset-link")
@needs(Permission.MEMBER_MANAGE)
def reset_link(user_id: UUID) -> Response:
    """Make a link by which a member sets a new password, and show it once."""
    scope = current_scope()
    try:
        path = make_reset_link(scope, user_id)
    except Conflict as error:
        return _refused(error)
    fresh = FreshLink(
        words=f"Hand this link to {view_member(scope, user_id).name}",
        address=full_address(path),
        note="Whoever opens it sets a new password for that person. It works once, for 30 minutes, and is shown this once.",
    )
    return _page(InviteForm(), status=201, fresh=fresh)


def _sent(made: Invited) -> Response:
    view = made.invitation
    if made.path is None:
        say(f"{view.email} is invited as {view.role}: the letter is on its way.")
        return go_to(url_for("members.index"))
    fresh = FreshLink(
        words=f"Hand this link to {view.email}",
        address=full_address(made.path),
        note="It works once, for 7 days, and is shown this once. Whoever opens it can join under that address.",
    )
    return _page(InviteForm(), status=201, fresh=fresh)


def _refused(error: AppError) -> Response:
    say(error.detail, kind="failed")
    return go_to(url_for("members.index"))


def _page(form: InviteForm, *, status: int = 200, fresh: FreshLink | None = None, **said: Any) -> Response:
    scope = current_scope()
    can_manage = scope.may(Permission.MEMBER_MANAGE)
    page = list_members(scope, page_request(cursor=request.args.get("cursor"), limit=MAX_LIMIT, count=True))
    roles = list_roles(scope)
    invitations = waiting_invitations(scope) if can_manage else ()
    return render_page(
        "members/index.html",
        section="members",
        status=status,
        page=page,
        links=page_links(page),
        built_in=[role for role in roles if role.is_builtin],
        deeds=DEEDS,
        grantable=[(role.name, role.name) for role in roles if role.can_grant],
        invitations=invitations,
        undelivered=undelivered(scope, INVITED, (one.id for one in invitations)),
        can_manage=can_manage,
        has_mail=LINK in scope.channels,
        form=form,
        fresh=fresh,
        errors=said.get("errors", {}),
        message=said.get("message", ""),
        now=scope.now,
    )
