"""Scope: who acts, in which organization, in which transaction. The one argument every use case takes."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Select, false, select
from sqlalchemy.orm import Session

from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Forbidden, NotFound
from rhesis_app.kernel.permissions import Permission


class TenantRow(Protocol):
    """Any row class that carries its organization."""

    id: Any
    organization_id: Any
    __name__: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LentModel:
    """The instance's own language model, without its key."""

    name: str
    wire: str
    base_url: str
    model_name: str


Row = TypeVar("Row")
Enqueue = Callable[[str, UUID, Mapping[str, str], int | None], None]
"""(job name, organization, ids, time-out in seconds) → put on the queue; must not raise."""
Audit = Callable[["Scope", str, str, UUID | None, Mapping[str, Any]], None]
Listener = Callable[["Scope", UUID], None]
"""(scope, id of what the event is about): a use case of a higher context that takes part in this transaction."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Scope:
    """One actor's view of the database for one request, job, command or test.

    `channels` are the ways by which this installation can reach people outside of its pages: `email`, and `link` when
    what it sends can lead back here; `lent_model` is the model that it lends to projects without one of their own.
    """

    actor: Actor
    session: Session
    now: datetime
    _enqueue: Enqueue
    _audit: Audit
    ip: str | None = None
    channels: frozenset[str] = frozenset()
    lent_model: LentModel | None = None
    _listeners: Mapping[str, tuple[Listener, ...]] = field(default_factory=dict)
    _depth: int = 0
    _rings: list[tuple[str, dict[str, str], int | None]] = field(default_factory=list)
    _records: list[tuple[str, str, UUID | None, Mapping[str, Any]]] = field(default_factory=list)

    @property
    def organization_id(self) -> UUID:
        """The organization everything here belongs to."""
        return self.actor.organization_id

    def may(self, permission: Permission, *, project: UUID | None = None) -> bool:
        """Whether the actor has `permission` in `project`, or in the organization."""
        return self.actor.may(permission, project)

    def require(self, permission: Permission, *, project: UUID | None = None) -> None:
        """Raise Forbidden unless the actor has `permission`; a project the actor may not even read is NotFound."""
        if self.actor.may(permission, project):
            return
        if project is not None and not self.actor.may(Permission.PROJECT_READ, project):
            raise NotFound("There is no such project here.")
        raise Forbidden(f"This needs the permission “{permission}”. Ask an administrator of the organization for it.")

    def select(self, *entities: Any) -> Select[Any]:
        """`select(...)` on tenant rows, narrowed to the organization and to the projects the actor may read.

        The first entity (or the first column's row class) decides which rows are narrowed; join others on composite keys.
        """
        return self.narrow(select(*entities), _row_class(entities[0]))

    def narrow(self, query: Select[Any], owner: Any) -> Select[Any]:
        """A statement that was made once and for everybody, narrowed as `select` does; `owner` is the row class that decides."""
        return _readable_projects(query.where(owner.organization_id == self.actor.organization_id), owner, self.actor)

    def get(self, row_class: type[Row], row_id: UUID, *, lock: bool = False) -> Row:
        """The row of this organization, or NotFound. With `lock`, held until the transaction ends."""
        query = self.select(row_class).where(row_class.id == row_id)  # type: ignore[attr-defined]
        found = self.session.scalars(query.with_for_update() if lock else query).one_or_none()
        if found is None:
            raise NotFound(f"There is no such {_words(row_class.__name__)} here.")
        return found  # type: ignore[no-any-return]

    @contextmanager
    def atomic(self) -> Iterator[Session]:
        """A transaction; re-entrant. The outermost writes the audit entries, commits, then rings the queue."""
        self._depth += 1
        try:
            yield self.session
            if self._depth == 1:
                self._finish()
        except BaseException:
            if self._depth == 1:
                self.session.rollback()
                self._rings.clear()
                self._records.clear()
            raise
        finally:
            self._depth -= 1

    def enqueue(self, job: str, *, timeout_s: int | None = None, **ids: UUID | str | int) -> None:
        """Ask for a job once the outermost transaction has committed; a hint, never the truth."""
        self._rings.append((job, {name: str(value) for name, value in ids.items()}, timeout_s))
        if self._depth == 0:
            self._ring()

    def record(self, action: str, object_type: str, object_id: UUID | None = None, **facts: Any) -> None:
        """An audit entry, written as the last statement before the commit; call it inside `atomic()`."""
        self._records.append((action, object_type, object_id, facts))

    def tell(self, event: str, subject: UUID) -> None:
        """Let the listeners of `event` take part in this transaction; one that fails is logged and takes only itself back."""
        for listener in self._listeners.get(event, ()):
            try:
                with self.session.begin_nested():
                    listener(self, subject)
            except Exception:  # noqa: BLE001 whatever a listener does, the event itself stands
                _log.exception("listener failed", extra={"event": event, "subject": str(subject)})

    def _finish(self) -> None:
        records, self._records = self._records, []
        for action, object_type, object_id, facts in records:
            self._audit(self, action, object_type, object_id, facts)
        self.session.commit()
        self._ring()

    def _ring(self) -> None:
        rings, self._rings = self._rings, []
        for job, ids, timeout_s in rings:
            self._enqueue(job, self.actor.organization_id, ids, timeout_s)


def _row_class(entity: Any) -> Any:
    return getattr(entity, "class_", entity)


def _readable_projects(query: Select[Any], owner: Any, actor: Actor) -> Select[Any]:
    """Narrow rows of projects to those the actor may read; rows outside any project pass."""
    column = getattr(owner, "project_id", None)
    if owner.__name__ == "Project":
        column = owner.id
    if column is None or actor.kind == "system":
        return query
    if actor.only_project is not None:
        return query.where(column == actor.only_project)
    if Permission.PROJECT_READ in actor.permissions:
        return query
    readable = [project for project, held in actor.project_permissions.items() if Permission.PROJECT_READ in held]
    return query.where(column.in_(readable)) if readable else query.where(false())


def _words(class_name: str) -> str:
    return "".join(f" {c.lower()}" if c.isupper() else c for c in class_name).strip()
