"""Rows of identity. Every secret is kept as a SHA-256 digest in hexadecimal."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import Base, Identified, Stamped, TenantOwned, addressable, belongs_to


class Session(Identified, TenantOwned, Base):
    """One sign-in, of a browser (`kind` dashboard) or of a program that logged in (`api`); `organization_id` is the active organization."""

    __tablename__ = "session"
    __table_args__ = (Index("ix_session_user_id", "user_id"),)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    kind: Mapped[str]
    epoch: Mapped[int]
    idle_seconds: Mapped[int]
    ip: Mapped[str | None]
    user_agent: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class RefreshToken(Identified, Base):
    """One link of a session's chain of refresh tokens; used once, by one UPDATE."""

    __tablename__ = "refresh_token"
    __table_args__ = (Index("ix_refresh_token_session_id", "session_id"),)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]


class ApiToken(Identified, Stamped, TenantOwned, Base):
    """A credential for programs: never more than its owner may do, narrowed by scopes and perhaps to one project.

    `made_by` is the token that made it, with which it ends; none where somebody who had signed in did.
    """

    __tablename__ = "api_token"
    __table_args__ = (
        addressable(),
        belongs_to("made_by", "api_token", ondelete="CASCADE"),
        Index("ix_api_token_organization_id_user_id", "organization_id", "user_id"),
        Index("ix_api_token_made_by", "organization_id", "made_by", postgresql_where=text("made_by IS NOT NULL")),
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    project_id: Mapped[UUID | None]
    name: Mapped[str]
    prefix: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    made_by: Mapped[UUID | None]


class OneTimeToken(Identified, Base):
    """A secret that works once: links of the first start, the demo, a new password; the second step of a sign-in.

    `email` is the address that one of purpose `address` proves; one of purpose `sso` is the state of a single sign-on.
    """

    __tablename__ = "one_time_token"
    purpose: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organization.id", ondelete="CASCADE"))
    target: Mapped[str] = mapped_column(default="/", server_default="/")
    email: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class UserTotp(Base):
    """Somebody's authenticator app. `secret` is sealed for the user; `last_step` is the newest time step that was used."""

    __tablename__ = "user_totp"
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[str]
    last_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(Identified, Base):
    """What stands in, once, for a code of the authenticator app."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("user_id", "sha256"),)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    sha256: Mapped[str]
    used_at: Mapped[datetime | None]


class Registration(Identified, Base):
    """What somebody registers with, until the link of a letter shows whose address it is. Reached through functions alone."""

    __tablename__ = "registration"
    email: Mapped[str]
    name: Mapped[str]
    organization_name: Mapped[str]
    password_hash: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]


class LoginAttempt(Identified, Base):
    """A failed sign-in, by digests of account and address; the throttle counts them."""

    __tablename__ = "login_attempt"
    __table_args__ = (
        Index("ix_login_attempt_account_at", "account", "at"),
        Index("ix_login_attempt_address_at", "address", "at"),
    )
    account: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    weight: Mapped[int] = mapped_column(default=1, server_default=text("1"))


class SsoIdentity(Identified, Base):
    """Who a user is to a single sign-on provider: its `issuer` and, there, the `subject`, which no address can stand in for."""

    __tablename__ = "sso_identity"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        UniqueConstraint("user_id", "issuer"),
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    issuer: Mapped[str]
    subject: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime | None]
