"""What use cases that run before anybody is known ask of the process they run in."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.jobs import JobSpec
from rhesis_app.kernel.ports import Fate, Post, Sealer
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope


class Host(Protocol):
    """The runtime, as far as a use case may see it."""

    @property
    def jobs(self) -> Mapping[str, JobSpec]:
        """The kinds of background work this version knows, by name."""

    @property
    def registry(self) -> Registry:
        """The plugins that this process has loaded."""

    @property
    def secrets(self) -> Sealer:
        """What seals and opens secrets here."""

    @property
    def place(self) -> str:
        """How the names of processes begin whose fate can be told from here; empty where none can."""

    def name_holder(self) -> str:
        """A new name for work that this process takes, by which others can tell that it is dead."""

    def fate_of(self, holder: str) -> Fate:
        """What became of a holder of that name."""

    @property
    def sends_links(self) -> bool:
        """Whether letters go out from here that can lead back."""

    @property
    def registers(self) -> bool:
        """Whether anybody may register here."""

    @property
    def site(self) -> str | None:
        """Where people reach this instance; None when nobody has said."""

    @property
    def post(self) -> Post | None:
        """The way out for letters to people who belong nowhere yet."""

    def ask(self, statement: str, **values: Any) -> list[Mapping[str, Any]]:
        """Call one of the database's functions that look across organizations."""

    def open_scope(self, actor: Actor, *, ip: str | None = None) -> AbstractContextManager[Scope]:
        """A scope for somebody who has just become known."""
