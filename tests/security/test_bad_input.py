"""Every entry of the corpus is refused in the one shape or handled safely, and nothing of it is half-written."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from tests.api.odd_input import SECRET
from tests.auth.rows import everything_of
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint
from tests.security.bad_credentials import credentials
from tests.security.bad_input import Entry, Ground, corpus
from tests.security.canaries import digests

pytestmark = pytest.mark.timeout(600)

AT_LEAST = 120
SHAPE = {"type", "title", "status", "detail", "request_id"}
INSIDE = ("Traceback", "psycopg", "sqlalchemy", "/rhesis_app/", SECRET)
# what a refused request may leave: when a credential was used, that something was refused, a sign-in that came before it
LEFT = {"session", "refresh_token", "api_token", "audit_entry"}


@pytest.fixture
def ground(app: Flask, charlie: Person) -> Iterator[Ground]:
    """An organization with one of everything, and an endpoint that answers what an entry says."""
    ids = everything_of(charlie).ids
    _ = charlie.web
    with ScriptedEndpoint() as server:
        body = {
            "name": "scripted",
            "url": server.url,
            "timeout_s": 2,
            "request_template": {"message": "{{ input }}"},
            "response_mapping": {"output": "$.reply"},
            "project_id": str(ids["project_id"]),
        }
        made = charlie.api.post("/endpoints", body)
        assert made.status_code == 201, made.text
        yield Ground(app=app, charlie=charlie, ids=ids, server=server, called=made.json["id"])


def complaint(entry: Entry, answer: TestResponse) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    if told := [word for word in INSIDE if word in answer.text]:
        return f"{answer.status_code} tells {told}"
    if answer.status_code < 400:
        return "" if entry.may_pass else f"{answer.status_code}, and is taken"
    if entry.surface == "forms":
        return ""
    said = answer.json if answer.content_type == "application/problem+json" else {}
    is_shaped = said.keys() >= SHAPE and said["status"] == answer.status_code and said["detail"]
    return "" if is_shaped else f"{answer.status_code} in another shape: {answer.text[:200]}"


def test_no_entry_is_an_error_of_ours_or_half_written(
    ground: Ground, superuser: Engine, monkeypatch: pytest.MonkeyPatch, figure: Callable[..., None]
) -> None:
    monkeypatch.setitem(ground.app.config, "PROPAGATE_EXCEPTIONS", False)
    entries = [*corpus(), *credentials()]
    organization = ground.charlie.actor.organization_id
    faults, half, before = [], [], digests(superuser, organization)
    for entry in entries:
        answer = entry.send(ground)
        if found := complaint(entry, answer):
            faults.append(f"{entry} → {found}")
        after = digests(superuser, organization)
        if answer.status_code >= 400 and (changed := {name for name in after if after[name] != before[name]} - LEFT):
            half.append(f"{entry} → {sorted(changed)}")
        before = after
    how = "named requests by surface; each 4xx in the one shape or handled safely, row digests before and after"
    figure("bad input/entries", len(entries), f"≥ {AT_LEAST}", len(entries) >= AT_LEAST, how)
    for surface in dict.fromkeys(entry.surface for entry in entries):
        count = sum(entry.surface == surface for entry in entries)
        figure(f"bad input/entries of {surface}", count, None, None, how)
    figure("bad input/not refused and not safe", len(faults), "= 0", not faults, how)
    figure("bad input/half-written", len(half), "= 0", not half, how)
    assert not faults, "\n".join(faults)
    assert not half, "\n".join(half)
    assert len({str(entry) for entry in entries}) == len(entries)


def test_every_credential_of_the_corpus_is_401(ground: Ground, figure: Callable[..., None]) -> None:
    entries = credentials()
    let_in = [f"{entry}: {got}" for entry in entries if (got := entry.send(ground).status_code) != 401]
    figure("bad input/credentials let in", len(let_in), "= 0", not let_in, f"{len(entries)} credentials that are none")
    assert let_in == []


def test_whoever_is_outside_is_told_nothing_of_what_is_inside(ground: Ground) -> None:
    """An address that is nobody's and one that is somebody's look the same to somebody who is not signed in."""
    client = ground.app.test_client()
    answers = [client.get(f"/api/v1/test-runs/{one}") for one in (ground.ids["run_id"], ground.ids["project_id"])]
    said = [{**answer.json, "request_id": ""} for answer in answers]
    assert said[0] == said[1]
