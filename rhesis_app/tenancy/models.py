"""Rows of tenancy."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    FetchedValue,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import Base, Identified, Json, Stamped, TenantOwned, addressable, belongs_to


class Organization(Identified, Stamped, Base):
    """A tenant; owns everything below."""

    __tablename__ = "organization"
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[Json] = mapped_column(default=dict, server_default=text("'{}'"))


class User(Identified, Stamped, Base):
    """A person; may belong to many organizations. The password's hash lives in a table the app cannot read."""

    __tablename__ = "app_user"
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    epoch: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    theme: Mapped[str] = mapped_column(default="auto", server_default="auto")
    last_login_at: Mapped[datetime | None]
    # set while somebody came with an organization's archive and has chosen no password here yet
    imported_at: Mapped[datetime | None]


class UserPassword(Base):
    """The argon2id hash, reached only through `find_login` and `set_password`."""

    __tablename__ = "user_password"
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True)
    password_hash: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Role(Identified, Stamped, TenantOwned, Base):
    """A named set of permissions; a built-in one takes them from code."""

    __tablename__ = "role"
    __table_args__ = (addressable(), UniqueConstraint("organization_id", "name"))
    name: Mapped[str]
    permissions: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    is_builtin: Mapped[bool] = mapped_column(default=False, server_default=text("false"))


class Membership(Identified, Stamped, TenantOwned, Base):
    """A user's place in an organization. It ends by `left_at` and stays, so that what somebody did keeps their name."""

    __tablename__ = "membership"
    __table_args__ = (
        addressable(),
        UniqueConstraint("organization_id", "user_id"),
        belongs_to("role_id", "role"),
        Index("ix_membership_user_id", "user_id"),
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="RESTRICT"))
    role_id: Mapped[UUID]
    left_at: Mapped[datetime | None]


class Invitation(Identified, TenantOwned, Base):
    """A link by which somebody may join with a role, once. The link itself is kept as a SHA-256 digest in hexadecimal."""

    __tablename__ = "invitation"
    __table_args__ = (
        belongs_to("role_id", "role"),
        CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name="ended_once"),
        Index(
            "uq_invitation_open",
            *("organization_id", "email"),
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
        Index("ix_invitation_organization_id_id", "organization_id", "id"),
    )
    email: Mapped[str]
    role_id: Mapped[UUID]
    sha256: Mapped[str] = mapped_column(unique=True)
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEntry(Identified, TenantOwned, Base):
    """Who did what to what; only ever added. `seal_number` is set by the database alone, when a seal takes it in."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "seal_number"],
            ["audit_seal.organization_id", "audit_seal.number"],
            ondelete="RESTRICT",
        ),
        Index("ix_audit_entry_at", "organization_id", "at", "id"),
        Index("ix_audit_entry_action", "organization_id", "action", "at", "id"),
        Index("ix_audit_entry_user_id", "organization_id", "user_id", "at", "id"),
        Index("ix_audit_entry_object_type", "organization_id", "object_type", "at", "id"),
        Index("ix_audit_entry_object_id", "organization_id", "object_id", "at", "id"),
        Index("ix_audit_entry_seal_number", "organization_id", "seal_number", "id"),
    )
    user_id: Mapped[UUID | None]
    actor_kind: Mapped[str]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[UUID | None]
    facts: Mapped[Json] = mapped_column(default=dict, server_default=text("'{}'"))
    ip: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    # the application may not name it, not even as NULL
    seal_number: Mapped[int | None] = mapped_column(server_default=FetchedValue())


class AuditSeal(Identified, TenantOwned, Base):
    """One batch of audit entries under a SHA-256 hash of them and of the seal before. Only functions of the database write it.

    `pruned_at` says that the entries were deleted whole, for their age; the seal stays, so that the chain does.
    """

    __tablename__ = "audit_seal"
    __table_args__ = (UniqueConstraint("organization_id", "number"),)
    number: Mapped[int]
    first_id: Mapped[UUID]
    last_id: Mapped[UUID]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    count: Mapped[int]
    previous: Mapped[str]
    hash: Mapped[str]
    sealed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    pruned_at: Mapped[datetime | None]
