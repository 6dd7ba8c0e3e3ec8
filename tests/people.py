"""The people of the tests, their credentials, and clients that speak as they do."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from flask import Flask
from flask_jwt_extended import decode_token
from sqlalchemy import func, literal, select
from werkzeug.test import TestResponse

from rhesis_app.auth.actions.sign_in import Client, open_session
from rhesis_app.auth.models import ApiToken
from rhesis_app.auth.rules import new_api_token
from rhesis_app.infra.orm import Base
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.keys import digest
from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.tenancy.actions.organizations import NewOwner, found_organization
from rhesis_app.tenancy.models import Membership, Role, User
from rhesis_app.web.tokens import cookie_name, make_token

PASSWORD = "correct horse battery staple"
# argon2id of PASSWORD with small parameters: hashing for every test would cost more than the tests
PASSWORD_HASH = "$argon2id$v=19$m=8,t=1,p=1$WiDcjvtZtonipPH4HCvuOQ$H+6Kt5UBExcW1txHsBkbrHfUJvrDZSKDtosIERcWgrY"


class ApiClient:
    """Calls the API with a bearer token; paths may leave out `/api/v1`."""

    def __init__(self, app: Flask, token: str | None) -> None:
        self._client = app.test_client(use_cookies=False)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        """Any method; `headers` are added to the credential."""
        return self.open(method, path if path.startswith("/api") else f"/api/v1{path}", **options)

    def open(self, method: str, address: str, **options: Any) -> TestResponse:
        """This very address, also one that is no part of the API."""
        headers = {**self._headers, **options.pop("headers", {})}
        return self._client.open(address, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        """GET."""
        return self.call("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        """POST, with `json` or `data`."""
        if json is not None:
            options["json"] = json
        return self.call("POST", path, **options)

    def patch(self, path: str, json: Any, **options: Any) -> TestResponse:
        """PATCH."""
        return self.call("PATCH", path, json=json, **options)

    def put(self, path: str, json: Any, **options: Any) -> TestResponse:
        """PUT."""
        return self.call("PUT", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        """DELETE."""
        return self.call("DELETE", path, **options)


class WebClient:
    """Opens pages with a session cookie and posts forms with its CSRF token."""

    def __init__(self, app: Flask, token: str, cookie: str) -> None:
        self._client = app.test_client()
        self._client.set_cookie(cookie, token)
        with app.test_request_context():
            self.csrf = decode_token(token)["csrf"]

    def get(self, path: str, **options: Any) -> TestResponse:
        """GET."""
        return self._client.get(path, **options)

    def open(self, method: str, path: str, **options: Any) -> TestResponse:
        """Any method, with the cookie and nothing besides."""
        return self._client.open(path, method=method, **options)

    def post(self, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> TestResponse:
        """POST a form."""
        return self._client.post(path, data={"csrf_token": self.csrf, **(data or {})}, **options)


def signed_in(app: Flask, email: str, password: str = PASSWORD) -> ApiClient:
    """A program that has logged in with a password."""
    answer = app.test_client().post("/api/v1/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return ApiClient(app, answer.json["access_token"])


@dataclass
class Person:
    """Somebody in an organization."""

    app: Flask = field(repr=False)
    host: Runtime = field(repr=False)
    actor: Actor
    email: str

    def scope(self) -> AbstractContextManager[Scope]:
        """A scope of this person's."""
        return self.host.open_scope(self.actor)

    @cached_property
    def api(self) -> ApiClient:
        """The API with an API token of this person's."""
        secret = new_api_token()
        with self.scope() as scope, scope.atomic() as session:
            session.add(
                ApiToken(
                    user_id=self.actor.user_id,
                    name="tests",
                    prefix=secret[:8],
                    sha256=digest(secret),
                    scopes=[str(permission) for permission in Permission],
                    expires_at=func.now() + literal(timedelta(days=1)),
                )
            )
        return ApiClient(self.app, secret)

    @cached_property
    def web(self) -> WebClient:
        """A browser where this person is signed in."""
        assert self.actor.user_id
        made = open_session(self.host, self.actor.user_id, self.actor.organization_id, 0, Client(kind="dashboard"))
        with self.app.test_request_context():
            token = make_token(made.user_id, made.organization_id, made.session_id, self.actor.permissions)
        return WebClient(self.app, token, cookie_name(self.host.settings))

    def count(self, row_class: type[Base], **values: Any) -> int:
        """How many rows of this person's organization have these values."""
        with self.scope() as scope:
            query = select(func.count()).select_from(row_class).filter_by(**values)
            return int(scope.session.scalar(query) or 0)


def make_people(app: Flask, host: Runtime) -> dict[str, Person]:
    """Two organizations and their three people."""
    alice = make_owner(app, host, "alice", "Organization A")
    charlie = make_owner(app, host, "charlie", "Organization B")
    return {"alice": alice, "bob": add_member(alice, "bob", "Viewer"), "charlie": charlie}


def make_owner(app: Flask, host: Runtime, name: str, organization: str) -> Person:
    """The owner of a new organization."""
    actor = Actor(kind="user", user_id=new_id(), organization_id=new_id(), permissions=BUILT_IN_ROLES["Owner"])
    email = f"{name}@example.org"
    with host.open_scope(actor) as scope:
        found_organization(
            scope,
            NewOwner(organization_name=organization, name=name.title(), email=email, password_hash=PASSWORD_HASH),
        )
    return Person(app=app, host=host, actor=actor, email=email)


def add_member(owner: Person, name: str, role_name: str) -> Person:
    """Somebody more in the owner's organization, without a password."""
    user_id: UUID = new_id()
    actor = Actor(
        kind="user",
        user_id=user_id,
        organization_id=owner.actor.organization_id,
        permissions=BUILT_IN_ROLES[role_name],
    )
    email = f"{name}@example.org"
    with owner.host.open_scope(actor) as scope, scope.atomic() as session:
        session.add(User(id=user_id, email=email, name=name.title()))
        session.flush()
        role = session.scalars(scope.select(Role).where(Role.name == role_name)).one()
        session.add(Membership(user_id=user_id, role_id=role.id))
    return Person(app=owner.app, host=owner.host, actor=actor, email=email)
