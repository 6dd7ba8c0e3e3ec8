"""Rows of endpoints and of the models that judge."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, Index, Numeric, PrimaryKeyConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rhesis_app.endpoints.rules import MAX_CONCURRENCY, TIMEOUT_S
from rhesis_app.infra.orm import Archivable, Base, Identified, Json, Stamped, TenantOwned, addressable, belongs_to


class Endpoint(Identified, Stamped, Archivable, TenantOwned, Base):
    """A system under test, reached over HTTP. `secret` is sealed and sent only to `secret_origin`.

    One of kind `model` has a model and a prompt's version instead of an address: `request_template` is that version's text,
    which never changes, and the model's own key and prices are used. Prices are US dollars per million tokens.
    """

    __tablename__ = "endpoint"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        Index(
            "uq_endpoint_name",
            "organization_id",
            "project_id",
            "name",
            unique=True,
            postgresql_where=text("archived_at IS NULL"),
        ),
        CheckConstraint("timeout_s BETWEEN {} AND {}".format(*TIMEOUT_S), name="timeout_s"),
        CheckConstraint("max_concurrency BETWEEN {} AND {}".format(*MAX_CONCURRENCY), name="max_concurrency"),
        CheckConstraint("price_input >= 0 AND price_output >= 0", name="prices"),
        CheckConstraint("auth_kind IN ('none', 'bearer', 'basic', 'header')", name="auth_kind"),
        belongs_to("model_id", "model"),
        belongs_to("prompt_version_id", "prompt_version"),
        CheckConstraint("kind IN ('http', 'model')", name="kind"),
        CheckConstraint("prompt_role IN ('system', 'user')", name="prompt_role"),
        CheckConstraint(
            "(kind = 'model') = (model_id IS NOT NULL AND prompt_version_id IS NOT NULL AND prompt_role IS NOT NULL)",
            name="model_with_prompt",
        ),
    )
    project_id: Mapped[UUID]
    name: Mapped[str]
    url: Mapped[str]
    method: Mapped[str] = mapped_column(default="POST", server_default="POST")
    # JSON and not JSONB: people find their keys in the order they wrote them, and nothing is searched in here
    headers: Mapped[Json] = mapped_column(JSON, default=dict, server_default=text("'{}'"))
    request_template: Mapped[Any] = mapped_column(JSON(none_as_null=False), nullable=False)
    response_mapping: Mapped[Json] = mapped_column(JSON)
    auth_kind: Mapped[str] = mapped_column(default="none", server_default="none")
    auth_header: Mapped[str | None]
    secret: Mapped[str | None]
    secret_origin: Mapped[str | None]
    timeout_s: Mapped[int] = mapped_column(default=60, server_default=text("60"))
    max_concurrency: Mapped[int] = mapped_column(default=16, server_default=text("16"))
    price_input: Mapped[Decimal | None] = mapped_column(Numeric)
    price_output: Mapped[Decimal | None] = mapped_column(Numeric)
    kind: Mapped[str] = mapped_column(default="http", server_default="http")
    model_id: Mapped[UUID | None]
    prompt_version_id: Mapped[UUID | None]
    prompt_role: Mapped[str | None]
    model: Mapped["Model | None"] = relationship(
        primaryjoin="and_(Endpoint.organization_id == Model.organization_id, foreign(Endpoint.model_id) == Model.id)",
        viewonly=True,
    )


class ThrottleColumns:
    """A limit below the one that people set, the breaker, and the pause that was asked for.

    The breaker was last opened for `open_s` seconds, 0 while it is closed.
    """

    paused_until: Mapped[datetime | None]
    cur_limit: Mapped[int | None]
    successes: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    lowered_at: Mapped[datetime | None]
    lowered_for: Mapped[str | None]
    limit_floor: Mapped[int | None]
    failures: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    open_s: Mapped[float] = mapped_column(default=0.0, server_default=text("0"))
    open_until: Mapped[datetime | None]


class EndpointThrottle(ThrottleColumns, TenantOwned, Base):
    """The row that every claim locks."""

    __tablename__ = "endpoint_throttle"
    __table_args__ = (
        belongs_to("endpoint_id", "endpoint"),
        CheckConstraint("cur_limit >= 1", name="cur_limit"),
        CheckConstraint("(open_s > 0) = (open_until IS NOT NULL)", name="open"),
    )
    endpoint_id: Mapped[UUID] = mapped_column(primary_key=True)


class ModelThrottle(ThrottleColumns, TenantOwned, Base):
    """How a model is called: `model_key` is its id, or “instance” for the instance's own. Every dealing of turns locks it."""

    __tablename__ = "model_throttle"
    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "model_key"),
        CheckConstraint("cur_limit >= 1", name="cur_limit"),
        CheckConstraint("(open_s > 0) = (open_until IS NOT NULL)", name="open"),
    )
    model_key: Mapped[str]


class HeldTurns(TenantOwned, Base):
    """How many of a model's calls at a time one process holds and how many it wants, until its lease ends."""

    __tablename__ = "model_turns"
    __table_args__ = (
        PrimaryKeyConstraint("organization_id", "model_key", "holder"),
        CheckConstraint("turns >= 0 AND wanted >= 0", name="turns"),
    )
    model_key: Mapped[str]
    holder: Mapped[str]
    turns: Mapped[int]
    wanted: Mapped[int]
    since: Mapped[datetime] = mapped_column(server_default=func.now())
    lease_until: Mapped[datetime]


class Model(Identified, Stamped, Archivable, TenantOwned, Base):
    """A language model of a project. `key` is sealed and sent only to `key_origin`; prices are US dollars per million tokens."""

    __tablename__ = "model"
    __table_args__ = (
        addressable(),
        belongs_to("project_id", "project"),
        Index(
            "uq_model_name",
            *("organization_id", "project_id", "name"),
            unique=True,
            postgresql_where=text("archived_at IS NULL"),
        ),
        Index("uq_model_default", "organization_id", "project_id", unique=True, postgresql_where=text("is_default")),
        CheckConstraint("wire IN ('openai', 'anthropic')", name="wire"),
        CheckConstraint("timeout_s BETWEEN {} AND {}".format(*TIMEOUT_S), name="timeout_s"),
        CheckConstraint("max_concurrency BETWEEN {} AND {}".format(*MAX_CONCURRENCY), name="max_concurrency"),
        CheckConstraint("price_input >= 0 AND price_output >= 0", name="prices"),
        CheckConstraint("NOT (is_default AND archived_at IS NOT NULL)", name="default"),
    )
    project_id: Mapped[UUID]
    name: Mapped[str]
    wire: Mapped[str]
    base_url: Mapped[str]
    model_name: Mapped[str]
    params: Mapped[Json] = mapped_column(default=dict, server_default=text("'{}'"))
    price_input: Mapped[Decimal | None] = mapped_column(Numeric)
    price_output: Mapped[Decimal | None] = mapped_column(Numeric)
    key: Mapped[str | None]
    key_origin: Mapped[str | None]
    timeout_s: Mapped[int] = mapped_column(default=60, server_default=text("60"))
    max_concurrency: Mapped[int] = mapped_column(default=8, server_default=text("8"))
    is_default: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
