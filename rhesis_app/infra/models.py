"""The one row that is the installation's own and no organization's."""

from sqlalchemy import CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from rhesis_app.infra.orm import Base


class KeyCanary(Base):
    """A known text under the encryption keys of this data: keys that do not open it are not the ones it is sealed with."""

    __tablename__ = "key_canary"
    __table_args__ = (CheckConstraint("is_only", name="is_only"),)
    is_only: Mapped[bool] = mapped_column(primary_key=True, default=True, server_default=text("true"))
    sealed: Mapped[str]
