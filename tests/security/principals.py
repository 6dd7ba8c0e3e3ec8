"""Who knocks at every address: the seven who are not its owner, each made anew as often as they are needed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.models import ProjectMember
from rhesis_app.tenancy.models import Membership, Role, User
from tests.people import ApiClient, Person, WebClient, add_member, make_owner

Ask = Callable[[str, str, dict[str, Any] | None], TestResponse]
"""(method, path, JSON body) → answer."""


@dataclass(frozen=True, kw_only=True)
class Knock:
    """Somebody with a credential. `user_id` is None for nobody."""

    ask: Ask
    user_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A kind of caller: `make` gives a new one; `opens` are the sides, of api and web, where the credential counts."""

    name: str
    make: Callable[[], Knock]
    opens: frozenset[str] = frozenset()
    is_stranger: bool = False


class Principals:
    """Everybody who is not Charlie, whose organization it is."""

    def __init__(self, app: Flask, charlie: Person, superuser: Engine) -> None:
        self._app, self._charlie, self._superuser = app, charlie, superuser
        self._names = iter(f"person-{number}" for number in range(100_000))

    def all(self) -> Iterable[Principal]:
        """The viewer first: whoever may read needs rows that can be shown."""
        both = frozenset({"api", "web"})
        return (
            Principal(name="viewer", make=self._viewer, opens=both),
            Principal(name="anonymous", make=self._anonymous),
            Principal(name="foreign owner", make=self._foreign_owner, opens=frozenset({"web"}), is_stranger=True),
            Principal(name="foreign token", make=self._foreign_token, opens=frozenset({"api"}), is_stranger=True),
            Principal(name="disabled user", make=self._disabled),
            Principal(name="expired token", make=self._expired),
            Principal(name="other project's member", make=self._elsewhere, opens=both),
        )

    def _anonymous(self) -> Knock:
        client = self._app.test_client()
        return Knock(ask=lambda method, path, body: client.open(path, method=method, json=body))

    def _foreign_owner(self) -> Knock:
        owner = make_owner(self._app, self._charlie.host, next(self._names), "Elsewhere")
        web = owner.web
        return Knock(ask=lambda method, path, body: _by_cookie(web, method, path, body), user_id=owner.actor.user_id)

    def _foreign_token(self) -> Knock:
        owner = make_owner(self._app, self._charlie.host, next(self._names), "Elsewhere")
        return Knock(ask=_by_token(owner.api), user_id=owner.actor.user_id)

    def _viewer(self) -> Knock:
        return _as(add_member(self._charlie, next(self._names), "Viewer"))

    def _disabled(self) -> Knock:
        former = add_member(self._charlie, next(self._names), "Owner")
        knock = _as(former)
        self._change("UPDATE app_user SET is_active = false WHERE id = :id", former.actor.user_id)
        return knock

    def _expired(self) -> Knock:
        late = add_member(self._charlie, next(self._names), "Owner")
        knock = _as(late)
        self._change(
            "UPDATE api_token SET expires_at = now() - interval '1 second' WHERE user_id = :id", late.actor.user_id
        )
        self._change(
            "UPDATE session SET expires_at = now() - interval '1 second' WHERE user_id = :id", late.actor.user_id
        )
        return knock

    def _elsewhere(self) -> Knock:
        """In Charlie's organization with a role that may do nothing, and the owner of another project there."""
        person = add_colleague(self._charlie, next(self._names), self.nothing)
        with self._charlie.scope() as scope:
            owner = scope.session.scalars(scope.select(Role.id).where(Role.name == "Owner", Role.is_builtin)).one()
        join_project(person, self.other_project, owner)
        return _as(person)

    @cached_property
    def other_project(self) -> UUID:
        """A project of Charlie's in which nothing is."""
        with self._charlie.scope() as scope:
            return create_project(scope, "The other project").id

    @cached_property
    def nothing(self) -> UUID:
        """A role of Charlie's that may do nothing."""
        return make_role(self._charlie, "Nothing", ())

    def name_other_project(self) -> None:
        """Whoever owns that project may know what it is called."""
        self._change("UPDATE project SET name = 'Theirs', description = '' WHERE id = :id", self.other_project)

    def _change(self, statement: str, row_id: UUID | None) -> None:
        with self._superuser.connect() as connection:
            assert connection.execute(text(statement), {"id": row_id}).rowcount


def make_role(owner: Person, name: str, permissions: Iterable[str]) -> UUID:
    """A role that was made in the owner's organization."""
    with owner.scope() as scope, scope.atomic() as session:
        session.add(role := Role(id=new_id(), name=name, permissions=[str(one) for one in permissions]))
        return role.id


def add_colleague(owner: Person, name: str, role_id: UUID) -> Person:
    """Somebody more in the owner's organization, with a role that was made there."""
    actor = replace(owner.actor, user_id=new_id(), permissions=frozenset(Permission))
    person = Person(app=owner.app, host=owner.host, actor=actor, email=f"{name}@example.org")
    with person.scope() as scope, scope.atomic() as session:
        session.add(User(id=actor.user_id, email=person.email, name=name.title()))
        session.flush()
        session.add(Membership(user_id=actor.user_id, role_id=role_id))
    return person


def join_project(person: Person, project_id: UUID, role_id: UUID) -> None:
    """Give somebody of the organization a role in one project besides."""
    with person.scope() as scope, scope.atomic() as session:
        session.add(ProjectMember(project_id=project_id, user_id=person.actor.user_id, role_id=role_id))


def _as(person: Person) -> Knock:
    """With the credential that counts: the cookie on pages, the token for the API."""
    web, by_token = person.web, _by_token(person.api)

    def ask(method: str, path: str, body: dict[str, Any] | None) -> TestResponse:
        if path.startswith("/api/"):
            return by_token(method, path, body)
        return _by_cookie(web, method, path, body)

    return Knock(ask=ask, user_id=person.actor.user_id)


def _by_token(api: ApiClient) -> Ask:
    return lambda method, path, body: api.open(method, path, json=body)


def _by_cookie(web: WebClient, method: str, path: str, body: dict[str, Any] | None) -> TestResponse:
    if path.startswith("/api/"):
        return web.open(method, path, json=body)
    return web.get(path) if method == "GET" else web.post(path)
