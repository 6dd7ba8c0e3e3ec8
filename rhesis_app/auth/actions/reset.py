"""A forgotten password: a link for half an hour, by letter to its owner, or from an administrator's hand."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Interval, func, insert, literal, select, text, update

from rhesis_app.auth.actions.account import set_password
from rhesis_app.auth.actions.attempts import as_long_for_everybody, count_asking
from rhesis_app.auth.models import OneTimeToken
from rhesis_app.auth.rules import LETTERS_PER_ACCOUNT, RESET_LIFE, check_password
from rhesis_app.infra.passwords import hash_password
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, Forbidden, NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest, new_secret
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.notifications.actions.announce import announce
from rhesis_app.notifications.rules.events import RESET, Event, Message, Recipient
from rhesis_app.tenancy.actions.members import ABOVE, hold_members
from rhesis_app.tenancy.models import User
from rhesis_app.tenancy.queries.members import view_member

ENDED: Final = "This link was used already or has run out. Ask for a new one."
_ELSEWHERE: Final = (
    "This person belongs to other organizations too, which a link from here would open. Whoever runs this server can make "
    "one: rhesis-app reset-link EMAIL."
)


def ask_for_reset(host: Host, email: str, *, ip: str | None) -> None:
    """Send a link to whoever is registered with this address. What happens tells nobody who that is. Raises TooMany.

    It takes as long for everybody, and an address that is asked for again and again gets a few letters, not many.
    """
    address = email.strip().lower()
    with as_long_for_everybody():
        if count_asking(host, "reset", address, ip=ip) <= LETTERS_PER_ACCOUNT:
            _send(host, address, ip)


def make_reset_link(scope: Scope, user_id: UUID) -> str:
    """The path of a page where a member sets a new password, for an administrator to hand over.

    Raises NotFound, Forbidden for somebody with a higher role, Conflict for oneself and for members of other organizations.
    """
    scope.require(Permission.MEMBER_MANAGE)
    with scope.atomic() as session:
        hold_members(scope)
        member = view_member(scope, user_id)
        if not member.can_manage:
            raise Forbidden(ABOVE)
        if member.is_me:
            raise Conflict("Change your own password on your profile.")
        if session.scalar(text("SELECT belongs_elsewhere(:who)"), {"who": user_id}):
            raise Conflict(_ELSEWHERE)
        path = _link(scope, user_id)
        scope.record("member.reset_link", "user", user_id)
    return path


def make_operators_link(host: Host, email: str) -> str:
    """The same for whoever runs the server, for anybody, also who has no password yet. Raises NotFound."""
    address = email.strip().lower()
    actor = find_person(host, address) or _imported(host, address) or _of_sign_on(host, address)
    if actor is None or actor.user_id is None:
        raise NotFound(f"Nobody is registered as {email}.")
    with host.open_scope(actor) as scope, scope.atomic():
        path = _link(scope, actor.user_id)
        scope.record("password.reset_link", "user", actor.user_id)
    return path


def whose_reset(host: Host, token: str) -> str:
    """The e-mail address whose password a link sets. Raises NotFound for one that was used or has run out."""
    actor = _holder(host, token)
    with host.open_scope(actor) as scope:
        return _email(scope)


def reset_password(host: Host, token: str, password: str, *, ip: str | None) -> None:
    """Set a new password by a link; every session of the person ends. Raises NotFound, Invalid."""
    actor = _holder(host, token)
    with host.open_scope(actor, ip=ip) as scope:
        check_password(password, email=_email(scope))
        scope.session.rollback()  # hashing takes its time, and no transaction waits for it
        hashed = hash_password(password)
        with scope.atomic() as session:
            used = text("SELECT user_id FROM use_one_time_token(:digest, 'reset')")
            if session.scalar(used, {"digest": digest(token)}) is None:
                raise NotFound(ENDED)
            set_password(scope, hashed)
            _admit_imported(scope)
            scope.record("password.reset", "user", actor.user_id)


def _holder(host: Host, token: str) -> Actor:
    rows = host.ask("SELECT * FROM find_one_time_token(:digest, 'reset')", digest=digest(token))
    if not rows or rows[0]["user_id"] is None or rows[0]["organization_id"] is None:
        raise NotFound(ENDED)
    return _person(rows[0]["user_id"], rows[0]["organization_id"])


def find_person(host: Host, address: str, *, also_inactive: bool = False) -> Actor | None:
    """Whoever has this address, in an organization of theirs: also somebody who has left all, and is invited again."""
    rows = host.ask("SELECT * FROM find_login(:email)", email=address)
    if not rows or rows[0]["first_organization_id"] is None or not (rows[0]["is_active"] or also_inactive):
        return None
    return _person(rows[0]["user_id"], rows[0]["organization_id"] or rows[0]["first_organization_id"])


def _imported(host: Host, address: str) -> Actor | None:
    """Whoever came with an organization's archive and has no password here yet."""
    rows = host.ask("SELECT * FROM find_imported(:email)", email=address)
    return _person(rows[0]["user_id"], rows[0]["organization_id"]) if rows else None


def _admit_imported(scope: Scope) -> None:
    """Whoever came with an archive may sign in from here on; somebody who was shut out stays so."""
    mine = update(User).where(User.id == scope.actor.user_id, User.imported_at.is_not(None))
    scope.session.execute(mine.values(is_active=True, imported_at=None))


def _of_sign_on(host: Host, address: str) -> Actor | None:
    """Whoever signs in by single sign-on alone."""
    rows = host.ask("SELECT * FROM find_sign_on('', '', :email)", email=address)
    if not rows or rows[0]["kind"] != "person" or not rows[0]["is_active"] or rows[0]["organization_id"] is None:
        return None
    return _person(rows[0]["user_id"], rows[0]["organization_id"])


def _person(user_id: UUID, organization_id: UUID) -> Actor:
    return Actor(kind="user", user_id=user_id, organization_id=organization_id, permissions=frozenset())


def _email(scope: Scope) -> str:
    return str(scope.session.scalars(select(User.email).where(User.id == scope.actor.user_id)).one())


def _link(scope: Scope, user_id: UUID) -> str:
    secret = new_secret()
    # a statement of its own: the application may write these rows and never read them
    row = insert(OneTimeToken.__table__).values(  # type: ignore[arg-type]
        id=new_id(),
        purpose="reset",
        sha256=digest(secret),
        user_id=user_id,
        organization_id=scope.organization_id,
        expires_at=func.now() + literal(RESET_LIFE, Interval),
    )
    scope.session.execute(row)
    return f"/reset/{secret}"


def _send(host: Host, address: str, ip: str | None) -> None:
    actor = find_person(host, address)
    if actor is None or actor.user_id is None:
        return
    with host.open_scope(actor, ip=ip) as scope:
        if "link" not in scope.channels:
            return
        with scope.atomic():
            path = _link(scope, actor.user_id)
            announce(scope, _letter(address, actor.user_id, path))
            scope.record("password.reset_asked", "user", actor.user_id)


def _letter(address: str, user_id: UUID, path: str) -> Event:
    minutes = RESET_LIFE // timedelta(minutes=1)
    return Event(
        kinds=(RESET,),
        subject_id=new_id(),
        message=Message(
            subject="Set a new password",
            sentences=(
                "Somebody, most likely you, asked for a new password for your account.",
                f"The link works once, for {minutes} minutes, and ends every session. If it was not you, do nothing.",
            ),
            path=path,
            link="Set a new password",
            why="Rhesis App sent this because a new password was asked for at its sign-in page. Do not pass the link on.",
        ),
        recipients=(Recipient(address=address, user_id=user_id),),
        is_private=True,
    )
