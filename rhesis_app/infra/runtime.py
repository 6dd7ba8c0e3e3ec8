"""What one process holds: settings, engine, plugins, queue, outbound door, secrets. Made by `app.py` alone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from rhesis_app.infra.config import Settings
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.infra.db import TenantSession, one_statement
from rhesis_app.infra.http import OutboundDoor
from rhesis_app.infra.life import fate_of, this_place, this_process
from rhesis_app.infra.llm.judges import Judges
from rhesis_app.infra.rq_queue import RqQueue
from rhesis_app.infra.start_check import PATIENCE_S, check_start
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.jobs import JobSpec
from rhesis_app.kernel.ports import Fate, ModelDoor, Post
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Audit, LentModel, Listener, Scope
from rhesis_app.kernel.sign_on import SignOn
from rhesis_app.kernel.times import utc_now

_parsed = lru_cache(maxsize=128)(text)


@dataclass(slots=True)
class Runtime:
    """The process's adapters, and the one way to open a Scope."""

    settings: Settings
    engine: Engine
    registry: Registry
    queue: RqQueue
    door: OutboundDoor
    secrets: SecretBox
    models: ModelDoor
    audit: Audit
    jobs: Mapping[str, JobSpec] = field(default_factory=dict)
    listeners: Mapping[str, tuple[Listener, ...]] = field(default_factory=dict)
    post: Post | None = None
    sign_on: SignOn | None = None

    @property
    def lent_model(self) -> LentModel | None:
        """The model that `OPENAI_API_KEY` brings; None without one, or when the key is kept back."""
        if self.settings.openai_api_key is None:
            return None
        return LentModel(
            name="Instance default",
            wire="openai",
            base_url=self.settings.openai_base_url,
            model_name=self.settings.openai_model,
        )

    @property
    def judges(self) -> Judges:
        """What judging needs of this process."""
        return Judges(door=self.models, secrets=self.secrets, lent_key=self.settings.openai_api_key)

    @property
    def registers(self) -> bool:
        """Whether anybody may register here."""
        return self.settings.open_registration

    @property
    def site(self) -> str | None:
        """Where people reach this instance; None when nobody has said."""
        return self.settings.site_url

    @property
    def sends_links(self) -> bool:
        """Whether there is a mail server, and an address of ours that a letter can lead to."""
        return self.post is not None and self.site is not None

    def make_scope(self, actor: Actor, *, ip: str | None = None) -> Scope:
        """A scope for `actor` on a session of its own, which whoever asked for it closes."""
        return Scope(
            actor=actor,
            session=TenantSession(self.engine, info={"actor": actor}, expire_on_commit=False),
            now=utc_now(),
            ip=ip,
            _enqueue=self.queue.enqueue,
            _audit=self.audit,
            channels=frozenset(
                name for name, there in (("email", self.post is not None), ("link", self.sends_links)) if there
            ),
            lent_model=self.lent_model,
            _listeners=self.listeners,
        )

    @contextmanager
    def open_scope(self, actor: Actor, *, ip: str | None = None) -> Iterator[Scope]:
        """The same for a block; what was not committed is rolled back at its end."""
        scope = self.make_scope(actor, ip=ip)
        try:
            yield scope
        finally:
            scope.session.close()

    @property
    def place(self) -> str:
        """How the names of holders on this machine begin."""
        return this_place()

    def name_holder(self) -> str:
        """A new name for work that this process takes."""
        return this_process()

    def fate_of(self, holder: str) -> Fate:
        """What became of a holder of that name."""
        return fate_of(holder)

    def ask(self, statement: str, **values: Any) -> list[Mapping[str, Any]]:
        """Call a function that looks across organizations, in a transaction of its own; rows as mappings."""
        with self.engine.connect() as connection, one_statement(connection):
            return [dict(row) for row in connection.execute(_parsed(statement), values).mappings()]

    def system_scope(self, organization_id: UUID, *, ip: str | None = None) -> Any:
        """A scope of the organization's own background work (a context manager)."""
        return self.open_scope(Actor.system(organization_id), ip=ip)

    def check_start(self, *, patience_s: float = PATIENCE_S) -> None:
        """Raise StartRefused when this process must not work on its database; nothing of the look stays open."""
        try:
            check_start(self.engine, self.secrets, patience_s=patience_s)
        finally:
            self.engine.dispose()

    def after_fork(self) -> None:
        """Forget connections inherited from the parent process without closing them under it."""
        self.engine.dispose(close=False)
