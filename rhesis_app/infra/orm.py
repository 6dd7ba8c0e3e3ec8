"""The declarative base and what every row has in common. Plain SQLAlchemy: no web framework below this line."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, MetaData, Text, UniqueConstraint, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from rhesis_app.kernel.ids import new_id

Json = dict[str, Any]


class Base(DeclarativeBase):
    """Every table's base: fixed constraint names, so that migrations can find them."""

    __test__: ClassVar[bool] = False  # rows named Test… are no test classes
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        UUID: Uuid(),
        datetime: TIMESTAMP(timezone=True),
        Json: JSONB(),
        list[str]: ARRAY(Text()),
        list[UUID]: ARRAY(Uuid()),
        list[Json]: JSONB(),
    }


class View(DeclarativeBase):
    """The base of what is mapped to a view: read only, and no part of the tables that migrations are compared with."""

    metadata = MetaData()
    type_annotation_map: ClassVar[dict[Any, Any]] = Base.type_annotation_map


class Identified:
    """A time-ordered id made in the application."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


class Stamped:
    """When it was made and last changed, by the database's clock."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Archivable:
    """Deleting puts it aside; names are unique among what is not archived."""

    archived_at: Mapped[datetime | None] = mapped_column(default=None)


class TenantOwned:
    """A row of one organization: filled in when the row is added, guarded by row-level security and composite keys."""

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id", ondelete="RESTRICT"))


def belongs_to(column: str, table: str, *, ondelete: str = "RESTRICT") -> ForeignKeyConstraint:
    """A foreign key that cannot cross organizations: (organization_id, column) → table(organization_id, id)."""
    return ForeignKeyConstraint(
        ["organization_id", column], [f"{table}.organization_id", f"{table}.id"], ondelete=ondelete
    )


def addressable() -> UniqueConstraint:
    """What composite foreign keys point at; every tenant row with an id has it."""
    return UniqueConstraint("organization_id", "id")
