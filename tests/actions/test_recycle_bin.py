"""What was archived is listed for those who may read it, with who did it, and comes back as its own restore does."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape
from typing import get_args
from uuid import UUID

import pytest

from rhesis_app.authoring.models import TestEdit
from rhesis_app.infra.orm import Archivable, Base
from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.queries import ProjectView
from rhesis_app.retention.rules.assets import KINDS, Kind
from rhesis_app.tenancy.models import AuditEntry, Role
from tests.jobs.runs.world import World, make_world
from tests.people import Person, add_member

Statements = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def world(alice: Person) -> World:
    return make_world(alice, "http://127.0.0.1:9", [("Where is my parcel?", "On its way")])


@pytest.fixture
def one_of_each(alice: Person, world: World) -> dict[str, str]:
    """Kind → the id of one that is live."""
    project = str(world.project_id)
    named = {"project_id": project, "name": "Put aside"}
    model = named | {"wire": "openai", "base_url": "http://127.0.0.1:9299/v1", "model_name": "small"}
    parts = {"test_set_id": str(world.test_set_id), "endpoint_id": str(world.endpoint_id)}
    times = {"name": "Put aside", "cron": "0 6 * * *", "time_zone": "UTC"}
    post = alice.api.post
    return {
        "endpoint": str(world.endpoint_id),
        "gate": post("/gates", named | {"rule": {"kind": "pass_rate"}}).json["id"],
        "metric": str(world.metric_id),
        "model": post("/models", model).json["id"],
        "project": project,
        "prompt": post("/prompts", named | {"template": "hello"}).json["id"],
        "requirement": post("/requirements", named).json["id"],
        "schedule": post("/schedules", parts | times).json["id"],
        "test": str(world.ask("SELECT id FROM test")[0].id),
        "test_set": str(world.test_set_id),
    }


def address_of(kind: str, asset_id: str) -> str:
    """Where the asset has its own operations."""
    return f"/{kind.replace('_', '-')}s/{asset_id}"


def listed(person: Person, query: str = "") -> list[dict[str, object]]:
    answer = person.api.get(f"/recycle-bin{query}")
    assert answer.status_code == 200, answer.text
    return answer.json


def test_every_kind_of_asset_that_can_be_archived_is_in_the_registry() -> None:
    rows = {mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Archivable)}
    rows.remove(Role)  # deleted for good; the row stays for the names of old invitations
    assert {kind.row for kind in KINDS.values()} == rows
    assert set(KINDS) == set(get_args(Kind))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_archived_asset_is_listed_and_comes_back(
    alice: Person, one_of_each: dict[str, str], kind: str, statements: Statements
) -> None:
    asset_id = one_of_each[kind]
    assert listed(alice) == []
    assert alice.api.delete(address_of(kind, asset_id)).status_code == 200
    (found,) = listed(alice)
    assert (found["kind"], found["id"], found["can_restore"]) == (kind, asset_id, True)
    assert found["name"]
    assert found["archived_by"] == {"id": str(alice.actor.user_id), "name": "Alice"}
    with statements() as seen:
        back = alice.api.post(f"/recycle-bin/{kind}/{asset_id}/restore")
    assert back.status_code == 200, back.text
    assert len(seen) <= 10
    assert alice.count(AuditEntry, action=f"{kind}.restore", object_id=UUID(asset_id)) == 1
    assert back.json == {"id": asset_id, "kind": kind, "project_id": found["project_id"]}
    assert alice.api.get(address_of(kind, asset_id)).json["archived_at"] is None
    assert listed(alice) == []


def test_the_filters_narrow_by_kind_and_project(alice: Person, one_of_each: dict[str, str]) -> None:
    for kind in ("gate", "prompt"):
        alice.api.delete(address_of(kind, one_of_each[kind]))
    other = alice.api.post("/projects", {"name": "Other"}).json["id"]
    assert [one["kind"] for one in listed(alice)] == ["prompt", "gate"], "the latest first"
    assert [one["kind"] for one in listed(alice, "?kind=gate")] == ["gate"]
    assert len(listed(alice, f"?project_id={one_of_each['project']}")) == 2
    assert listed(alice, f"?project_id={other}") == []
    assert alice.api.get("/recycle-bin?kind=run").status_code == 422
    assert listed(alice, f"?project_id={new_id()}") == []


def test_what_belongs_to_an_archived_project_waits_for_it(alice: Person, one_of_each: dict[str, str]) -> None:
    gate, project = one_of_each["gate"], one_of_each["project"]
    alice.api.delete(address_of("gate", gate))
    alice.api.delete(address_of("project", project))
    assert [one["kind"] for one in listed(alice)] == ["project"]
    refused = alice.api.post(f"/recycle-bin/gate/{gate}/restore")
    assert refused.status_code == 409
    assert "Restore the project first" in refused.json["detail"]
    alice.api.post(f"/recycle-bin/project/{project}/restore")
    assert [one["kind"] for one in listed(alice)] == ["gate"]


def test_a_taken_name_is_said(alice: Person, one_of_each: dict[str, str]) -> None:
    alice.api.delete(address_of("requirement", one_of_each["requirement"]))
    alice.api.post("/requirements", {"project_id": one_of_each["project"], "name": "Put aside"})
    assert alice.api.post(f"/recycle-bin/requirement/{one_of_each['requirement']}/restore").status_code == 409


def test_who_may_only_read_sees_and_restores_nothing(alice: Person, bob: Person, one_of_each: dict[str, str]) -> None:
    for kind, asset_id in one_of_each.items():
        if kind != "project":
            alice.api.delete(address_of(kind, asset_id))
    seen = listed(bob)
    assert {one["kind"] for one in seen} == set(KINDS) - {"project"}
    assert not any(one["can_restore"] for one in seen)
    for one in seen:
        assert bob.api.post(f"/recycle-bin/{one['kind']}/{one['id']}/restore").status_code == 403
    assert len(listed(alice)) == len(seen)


def test_a_kind_that_may_not_be_read_is_not_listed(alice: Person, one_of_each: dict[str, str]) -> None:
    alice.api.delete(address_of("gate", one_of_each["gate"]))
    alice.api.delete(address_of("prompt", one_of_each["prompt"]))
    made = alice.api.post("/tokens", {"name": "reads prompts", "scopes": ["project:read", "prompt:read"]})
    narrow = type(alice.api)(alice.app, made.json["token"])
    assert [one["kind"] for one in narrow.get("/recycle-bin").json] == ["prompt"]
    assert [one["kind"] for one in narrow.get(f"/recycle-bin?project_id={one_of_each['project']}").json] == ["prompt"]


def test_an_unknown_kind_and_a_strangers_asset_do_not_exist(
    alice: Person, charlie: Person, one_of_each: dict[str, str]
) -> None:
    gate = one_of_each["gate"]
    alice.api.delete(address_of("gate", gate))
    assert alice.api.post(f"/recycle-bin/run/{gate}/restore").status_code == 404
    assert charlie.api.post(f"/recycle-bin/gate/{gate}/restore").status_code == 404
    assert listed(charlie) == []


def test_tests_that_were_archived_together_have_somebody_who_did_it(alice: Person, world: World) -> None:
    body = {"project_id": str(world.project_id), "filter": {}, "changes": {"archive": True}}
    assert alice.api.post("/test-edits", body).status_code in {200, 201, 202}
    assert alice.count(TestEdit) == 1
    (found,) = listed(alice)
    assert found["archived_by"] == {"id": str(alice.actor.user_id), "name": "Alice"}


def test_the_list_asks_the_database_as_often_for_many(
    alice: Person, project: ProjectView, statements: Statements
) -> None:
    def asked(names: int) -> int:
        for number in range(names):
            body = {"project_id": str(project.id), "name": f"Number {names} {number}"}
            alice.api.delete(f"/requirements/{alice.api.post('/requirements', body).json['id']}")
        with statements() as seen:
            assert listed(alice)
        return len(seen)

    few = asked(1)
    assert asked(12) == few <= 6
    _ = alice.web
    with statements() as seen:
        assert alice.web.get("/settings/recycle-bin").status_code == 200
    assert len(seen) <= 8


def words(page: str) -> str:
    main = page.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def test_the_page_restores_without_script(alice: Person, one_of_each: dict[str, str]) -> None:
    assert "Nothing was archived" in words(alice.web.get("/settings/recycle-bin").text)
    alice.api.delete(address_of("gate", one_of_each["gate"]))
    page = alice.web.get("/settings/recycle-bin?kind=gate")
    assert "Put aside" in words(page.text)
    assert "Nothing like that" in words(alice.web.get("/settings/recycle-bin?kind=model").text)
    action = f"/settings/recycle-bin/gate/{one_of_each['gate']}/restore"
    assert f'action="{action}"' in page.text
    answer = alice.web.post(action, {"next": "/settings/recycle-bin?kind=gate"})
    assert answer.headers["Location"] == "/settings/recycle-bin?kind=gate"
    assert "The gate is back." in alice.web.get("/settings/recycle-bin").text


def test_a_project_is_archived_from_its_page_and_undone(alice: Person, project: ProjectView) -> None:
    other = alice.api.post("/projects", {"name": "Other"}).json
    assert f'action="/p/{other["slug"]}/archive"' in alice.web.get("/").text
    assert f'action="/p/{project.slug}/archive"' in alice.web.get(f"/p/{project.slug}/").text
    answer = alice.web.post(f"/p/{project.slug}/archive")
    assert answer.headers["Location"] == "/"
    assert alice.web.get(f"/p/{project.slug}/").status_code == 404
    undo = f"/settings/recycle-bin/project/{project.id}/restore"
    assert f'action="{undo}"' in alice.web.get(f"/p/{other['slug']}/").text
    assert alice.web.post(undo).headers["Location"] == "/"
    assert alice.web.get(f"/p/{project.slug}/").status_code == 200


def test_a_member_may_not_archive_a_project(alice: Person, project: ProjectView) -> None:
    dora = add_member(alice, "dora", "Member")
    assert f"/p/{project.slug}/archive" not in dora.web.get(f"/p/{project.slug}/").text
    assert dora.web.post(f"/p/{project.slug}/archive").status_code == 403
