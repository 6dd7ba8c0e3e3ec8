"""What is asked of identity."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, exists, func, select, text

from rhesis_app.auth.models import ApiToken, RecoveryCode, Session, SsoIdentity, UserTotp
from rhesis_app.auth.rules import device_of
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.paging import By, Page, PageRequest, keyset, page_of
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.models import Membership, Organization, Role, User
from rhesis_app.tenancy.queries.roles import role_permissions

MAILED: Final = (
    "If somebody is registered with this address, a letter with a link is on its way. The link works for 30 minutes."
)
UNSENT: Final = (
    "This installation sends no mail. An owner or administrator of your organization can make a link on the members page, "
    "and whoever runs the server with rhesis-app reset-link."
)

BEGUN: Final = "A letter is on its way to this address. Its link works for 30 minutes and finishes the registration."
AT_ONCE: Final = (
    "If nobody is registered with this address, the account is made: sign in. This installation sends no mail, so the address "
    "stays unconfirmed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """An API token without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    project_id: UUID | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    revoked_at: datetime | None
    made_by: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountView:
    """An account for programs. `can_manage` says whether the actor may change it and make its tokens; `last_used_at` is to five minutes."""

    id: UUID
    name: str
    role: str
    is_active: bool
    created_at: datetime
    last_used_at: datetime | None
    can_manage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MyUser:
    """A person, to themselves. `totp` says whether a code of an authenticator app is asked for besides the password, if there is one."""

    id: UUID
    name: str
    email: str
    email_verified: bool
    has_password: bool
    totp: bool
    theme: str
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MyOrganization:
    """Where the credential works, and as what."""

    id: UUID
    name: str
    slug: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeView:
    """Who the credential belongs to, where it works, and what it may do there. `kind` is `user` or `token`."""

    user: MyUser
    organization: MyOrganization
    kind: str
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A sign-in that lasts. `kind` is `dashboard` for a browser, `api` for a program; `device` is what it says it is."""

    id: UUID
    kind: str
    device: str
    ip: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """Whether the actor signs in by the provider, since when, and whether a password would let them in without it."""

    connected_at: datetime | None
    last_used_at: datetime | None
    has_password: bool


def needs_first_owner(host: Host) -> bool:
    """Whether nobody is registered yet."""
    return bool(host.ask("SELECT needs_first_owner() AS needed")[0]["needed"])


def asked_words(host: Host) -> str:
    """What to tell whoever asks for a new password, whether or not they are registered."""
    return MAILED if host.sends_links else UNSENT


def registered_words(host: Host) -> str:
    """What to tell whoever registers, whether or not they are registered already."""
    return BEGUN if host.sends_links else AT_ONCE


def view_token(row: ApiToken) -> TokenView:
    """The row as it may be shown."""
    return TokenView(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        project_id=row.project_id,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        made_by=row.made_by,
    )


def tokens_of(scope: Scope, user_id: UUID) -> Select[ApiToken]:
    """The API tokens of somebody here, as far as the actor may see them: their own, and those of service accounts."""
    return select(ApiToken).where(ApiToken.organization_id == scope.organization_id, ApiToken.user_id == user_id)


def my_tokens(scope: Scope) -> Select[ApiToken]:
    """The actor's API tokens, whichever projects the actor may read; for a token of one project those of that project."""
    query = select(ApiToken).where(
        ApiToken.organization_id == scope.organization_id, ApiToken.user_id == scope.actor.user_id
    )
    only = scope.actor.only_project
    return query if only is None else query.where(ApiToken.project_id == only)


def list_tokens(scope: Scope, request: PageRequest) -> Page[TokenView]:
    """The actor's API tokens, newest first."""
    scope.require(Permission.TOKEN_MANAGE)
    rows = scope.session.scalars(keyset(my_tokens(scope), [By(ApiToken.id, descending=True)], request)).all()
    return page_of(rows, request, key=lambda row: (row.id,), view=view_token)


def require_machines(scope: Scope) -> None:
    """Raise Forbidden unless the actor manages both members and tokens: service accounts are some of each."""
    scope.require(Permission.MEMBER_MANAGE)
    scope.require(Permission.TOKEN_MANAGE)


def list_service_accounts(scope: Scope, request: PageRequest) -> Page[ServiceAccountView]:
    """The service accounts in the order of their names."""
    require_machines(scope)
    rows = scope.session.execute(keyset(_service_accounts(scope), [By(User.name), By(User.id)], request)).mappings()
    return page_of(
        rows.all(),
        request,
        key=lambda row: (row["name"], row["user_id"]),
        view=lambda row: _service_account(scope, row),
    )


def view_service_account(scope: Scope, account_id: UUID) -> ServiceAccountView:
    """One service account. Raises NotFound."""
    require_machines(scope)
    row = scope.session.execute(_service_accounts(scope).where(User.id == account_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such service account here.")
    return _service_account(scope, row)


def list_service_tokens(scope: Scope, account_id: UUID, request: PageRequest) -> Page[TokenView]:
    """The tokens of a service account, newest first. Raises NotFound."""
    view_service_account(scope, account_id)
    rows = scope.session.scalars(
        keyset(tokens_of(scope, account_id), [By(ApiToken.id, descending=True)], request)
    ).all()
    return page_of(rows, request, key=lambda row: (row.id,), view=view_token)


def _service_accounts(scope: Scope) -> Select[Any]:
    return (
        scope.select(
            Membership.user_id,
            User.name,
            User.is_active,
            User.created_at,
            func.last_seen_here(Membership.user_id).label("last_used_at"),
            Role.name.label("role"),
            Role.is_builtin,
            Role.permissions,
        )
        .join(User, User.id == Membership.user_id)
        .join(Role, (Role.organization_id == Membership.organization_id) & (Role.id == Membership.role_id))
        .where(User.kind == "service", Membership.left_at.is_(None))
    )


def _service_account(scope: Scope, row: Mapping[Any, Any]) -> ServiceAccountView:
    may = role_permissions(row["role"], row["is_builtin"], row["permissions"])
    return ServiceAccountView(
        id=row["user_id"],
        name=row["name"],
        role=row["role"],
        is_active=row["is_active"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        can_manage=may <= scope.actor.permissions,
    )


def view_me(scope: Scope) -> MeView:
    """The actor as a person, in this organization."""
    has_totp = exists().where(UserTotp.user_id == User.id, UserTotp.confirmed_at.is_not(None))
    query = (
        scope.select(Membership.user_id, User.id, User.name, User.email, User.theme, User.last_login_at)
        .add_columns(User.email_verified_at.is_not(None).label("email_verified"), has_totp.label("totp"))
        .add_columns(func.has_password().label("has_password"))
        .add_columns(Organization.name.label("organization_name"), Organization.slug, Role.name.label("role"))
        .join(User, User.id == Membership.user_id)
        .join(Organization, Organization.id == Membership.organization_id)
        .join(Role, (Role.organization_id == Membership.organization_id) & (Role.id == Membership.role_id))
        .where(Membership.user_id == scope.actor.user_id)
    )
    row = scope.session.execute(query).mappings().one()
    there = MyOrganization(id=scope.organization_id, name=row["organization_name"], slug=row["slug"], role=row["role"])
    return MeView(
        user=MyUser(**{name: row[name] for name in MyUser.__slots__}),
        organization=there,
        kind=scope.actor.kind,
        permissions=tuple(sorted(scope.actor.permissions)),
    )


def recovery_codes_left(scope: Scope) -> int:
    """How many of the actor's recovery codes were not used yet."""
    query = select(func.count()).where(RecoveryCode.user_id == scope.actor.user_id, RecoveryCode.used_at.is_(None))
    return int(scope.session.scalar(query) or 0)


def view_connection(scope: Scope, issuer: str) -> ConnectionView:
    """The actor's identity at a single sign-on provider, if there is one."""
    mine = select(SsoIdentity).where(SsoIdentity.user_id == scope.actor.user_id, SsoIdentity.issuer == issuer)
    row = scope.session.scalars(mine).one_or_none()
    return ConnectionView(
        connected_at=row.created_at if row else None,
        last_used_at=row.last_used_at if row else None,
        has_password=bool(scope.session.scalar(text("SELECT has_password()"))),
    )


def list_sessions(scope: Scope, request: PageRequest) -> Page[SessionView]:
    """The actor's sessions that last, in whichever organization, newest first."""
    query = (
        select(Session)
        .join(User, User.id == Session.user_id)
        .where(
            Session.user_id == scope.actor.user_id,
            Session.revoked_at.is_(None),
            Session.expires_at > func.now(),
            Session.last_seen_at + func.make_interval(0, 0, 0, 0, 0, 0, Session.idle_seconds) > func.now(),
            Session.epoch == User.epoch,
        )
    )
    rows = scope.session.scalars(keyset(query, [By(Session.id, descending=True)], request)).all()
    return page_of(rows, request, key=lambda row: (row.id,), view=_session)


def _session(row: Session) -> SessionView:
    return SessionView(
        id=row.id,
        kind=row.kind,
        device=device_of(row.user_agent),
        ip=row.ip,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
    )


def permissions_of(row: Mapping[str, Any]) -> frozenset[Permission]:
    """What the role in a row of `find_session` or `find_token` may do."""
    return role_permissions(row["role_name"], row["role_is_builtin"], row["role_permissions"])
