"""Rows of projects."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import Archivable, Base, Identified, Stamped, TenantOwned, addressable, belongs_to


class Project(Identified, Stamped, Archivable, TenantOwned, Base):
    """What one team tests. `slug` is made once and survives a rename; runs are numbered per project."""

    __tablename__ = "project"
    __table_args__ = (
        addressable(),
        UniqueConstraint("organization_id", "slug"),
        Index("uq_project_name", "organization_id", "name", unique=True, postgresql_where=text("archived_at IS NULL")),
    )
    name: Mapped[str]
    slug: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")
    is_demo: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    last_run_number: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class ProjectMember(Identified, Stamped, TenantOwned, Base):
    """A role in one project; it only adds to the organization's role."""

    __tablename__ = "project_member"
    __table_args__ = (
        addressable(),
        UniqueConstraint("organization_id", "project_id", "user_id"),
        belongs_to("project_id", "project"),
        belongs_to("role_id", "role"),
    )
    project_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="RESTRICT"))
    role_id: Mapped[UUID]
