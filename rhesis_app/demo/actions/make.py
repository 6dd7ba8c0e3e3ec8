"""Making the demonstration, or finding the one that stands."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import text

from rhesis_app.auth.actions.first_start import NewAccount, found, make_sign_in_link
from rhesis_app.auth.actions.tokens import NewToken, create_token
from rhesis_app.demo.actions.content import Standing, fill
from rhesis_app.demo.actions.credentials import (
    REMOVED,
    Credentials,
    chatbot_port,
    read_credentials,
    was_removed,
    write_credentials,
)
from rhesis_app.demo.actions.remove import erase, find_owner
from rhesis_app.demo.rules import EMAIL, ORGANIZATION, OWNER, RUNS
from rhesis_app.infra.passwords import hash_password
from rhesis_app.insights.actions.decide import decide_run
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import AppError, Conflict
from rhesis_app.kernel.host import Host
from rhesis_app.projects.models import Project
from rhesis_app.runs.actions.plan import Parts
from rhesis_app.runs.models import TestRun

PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.3
_LATEST: Final = len(RUNS)
_TAKEN: Final = (
    f"Somebody who is not the demonstration's owner is registered as {EMAIL}. The demonstration cannot be made."
)
_NO_CHATBOT: Final = "The demonstration needs its chatbot. Start both with `rhesis-app up --demo`."

Wait = Callable[[Host, Actor, Sequence[UUID]], bool]
"""(host, actor, runs) → whether all of them have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The demonstration as it stands; `link` is a path that signs in once and opens the latest run."""

    credentials: Credentials
    link: str
    is_new: bool
    is_finished: bool


def make_demo(host: Host, parts: Parts, data_dir: Path, url: str, *, wait: "Wait | None" = None) -> Demo:
    """Make the demonstration and wait for its runs; one that stands already gets a fresh link and nothing else.

    `url` is where people reach this instance. Credentials go to `demo.json`; those of a lost file are made anew.
    Raises Conflict when the chatbot's port is not settled, when the demonstration was removed, or when the address of
    its owner belongs to somebody else.
    """
    port = _port(data_dir)
    owner = find_owner(host)
    standing = _standing(host, owner) if owner else None
    if owner and standing:
        return _reuse(host, owner, standing, data_dir, url)
    if owner:  # a start that was killed in the middle of it
        _clear_away(host, owner)
    password = secrets.token_urlsafe(15)
    account = NewAccount(organization_name=ORGANIZATION, name=OWNER, email=EMAIL, password=password)
    owner = found(host, account, is_demo=True)
    standing = _fill(host, owner, parts, port)
    credentials = _keep(host, owner, standing, data_dir, _New(url=url, password=password, port=port))
    is_finished = (wait or await_runs)(host, owner, standing.run_ids)
    if is_finished:
        _decide_in_order(host, owner, standing.run_ids)
    return Demo(credentials=credentials, link=_link(host, owner, standing.slug), is_new=True, is_finished=is_finished)


def await_runs(host: Host, actor: Actor, run_ids: Sequence[UUID]) -> bool:
    """Wait until the runs have ended, at most a minute; False when they have not."""
    deadline = time.monotonic() + PATIENCE_S
    while _open_runs(host, actor, run_ids):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    """What goes into `demo.json` beside the ids."""

    url: str
    password: str
    port: int


def _port(data_dir: Path) -> int:
    if was_removed(data_dir):
        raise Conflict(REMOVED)
    port = chatbot_port(data_dir)
    if port is None:
        raise Conflict(_NO_CHATBOT)
    return port


def _fill(host: Host, owner: Actor, parts: Parts, port: int) -> Standing:
    try:
        with host.open_scope(owner) as scope:
            return fill(scope, parts, port)
    except AppError:
        _clear_away(host, owner)
        raise


def _decide_in_order(host: Host, owner: Actor, run_ids: Sequence[UUID]) -> None:
    """The runs went on side by side: only now does each have the ones before it to be held against."""
    with host.open_scope(owner) as scope, scope.atomic():
        for run_id in run_ids:
            decide_run(scope, run_id)


def _open_runs(host: Host, actor: Actor, run_ids: Sequence[UUID]) -> int:
    with host.open_scope(actor) as scope:
        query = scope.select(TestRun.id).where(TestRun.id.in_(run_ids), TestRun.finished_at.is_(None))
        return len(scope.session.scalars(query).all())


def _standing(host: Host, owner: Actor) -> Standing | None:
    """The demonstration of this owner, known by its latest run; None when it was never finished."""
    with host.open_scope(owner) as scope:
        query = (
            scope.select(TestRun.project_id, TestRun.endpoint_id, TestRun.test_set_id, Project.slug)
            .join(Project, (Project.id == TestRun.project_id) & (Project.organization_id == TestRun.organization_id))
            .where(Project.is_demo, TestRun.number == _LATEST)
            .order_by(TestRun.id)
            .limit(1)
        )
        row = scope.session.execute(query).one_or_none()
    if row is None:
        return None
    return Standing(project_id=row.project_id, slug=row.slug, endpoint_id=row.endpoint_id, test_set_id=row.test_set_id)


def _reuse(host: Host, owner: Actor, standing: Standing, data_dir: Path, url: str) -> Demo:
    known = read_credentials(data_dir)
    if known is not None and known.project_id == str(standing.project_id):
        credentials, is_new = replace(known, url=url), False
        write_credentials(data_dir, credentials)
    else:
        new = _New(url=url, password=_another_password(host, owner), port=chatbot_port(data_dir) or 0)
        credentials, is_new = _keep(host, owner, standing, data_dir, new), True
    return Demo(credentials=credentials, link=_link(host, owner, standing.slug), is_new=is_new, is_finished=True)


def _another_password(host: Host, owner: Actor) -> str:
    password = secrets.token_urlsafe(15)
    with host.open_scope(owner) as scope, scope.atomic() as session:
        session.execute(
            text("SELECT set_password(:who, :hash)"), {"who": owner.user_id, "hash": hash_password(password)}
        )
        scope.record("password.change", "user", owner.user_id)
    return password


def _keep(host: Host, owner: Actor, standing: Standing, data_dir: Path, new: _New) -> Credentials:
    """Make an API token and write everything down, before anybody waits for anything."""
    with host.open_scope(owner) as scope:
        _, token = create_token(scope, NewToken(name="Demo", expires_in_days=365))
    credentials = Credentials(
        url=new.url,
        email=EMAIL,
        password=new.password,
        token=token,
        project_id=str(standing.project_id),
        endpoint_id=str(standing.endpoint_id),
        test_set_id=str(standing.test_set_id),
        port=new.port,
    )
    write_credentials(data_dir, credentials)
    return credentials


def _clear_away(host: Host, owner: Actor) -> None:
    with host.open_scope(owner) as scope:
        if not erase(scope):
            raise Conflict(_TAKEN)


def _link(host: Host, owner: Actor, slug: str) -> str:
    return make_sign_in_link(host, owner, f"/p/{slug}/runs/{_LATEST}")
