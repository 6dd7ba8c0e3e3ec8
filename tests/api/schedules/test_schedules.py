"""Schedules over the API."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.times import utc_now
from tests.jobs.runs.world import World, make_world
from tests.jobs.schedules.test_firing import schedule
from tests.people import Person


@pytest.fixture
def world(alice: Person) -> World:
    return make_world(alice, "http://127.0.0.1:9", [("Question", "yes")])


def berlin(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(ZoneInfo("Europe/Berlin"))


def test_a_schedule_is_made_with_its_next_time(world: World) -> None:
    made = schedule(world, cron="0  6 * * *", metric_ids=[str(world.metric_id)] * 2)
    shown = berlin(made["next_fire_at"])
    assert (shown.hour, shown.minute) == (6, 0)
    assert 0 < (shown - utc_now()).total_seconds() <= 25 * 3600
    assert made["next_fire_at"].endswith("Z") or made["next_fire_at"].endswith("+00:00")
    expected = {
        "name": "Set on bot",
        "cron": "0 6 * * *",
        "time_zone": "Europe/Berlin",
        "project_id": str(world.project_id),
        "metric_ids": [str(world.metric_id)],
        "is_paused": False,
        "last_run": None,
        "last_error": None,
        "created_by": "Alice",
    }
    assert {name: made[name] for name in expected} == expected
    assert world.person.api.get(f"/schedules/{made['id']}").json == made
    assert world.person.api.get(f"/schedules?project_id={world.project_id}").json == [made]
    assert world.person.api.get(f"/schedules?test_set_id={new_id()}").json == []


def test_a_second_one_of_the_same_parts_has_a_number_in_its_name(world: World) -> None:
    assert [schedule(world)["name"] for _ in range(3)] == ["Set on bot", "Set on bot 2", "Set on bot 3"]


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"cron": "61 * * * *"}, "cron", "The minute does not fit."),
        ({"cron": "*/2 * * * *"}, "cron", "Leave at least 5 minutes"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "Give a time zone by its IANA name"),
        ({"metric_ids": ["00000000-0000-7000-8000-000000000000"]}, "metric_ids", "Not a metric of this project"),
        ({"name": " \t"}, "name", "Give the schedule a name"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_kept(
    world: World, changed: dict[str, Any], field: str, said: str
) -> None:
    api = world.person.api
    made = schedule(world)
    parts = {"test_set_id": str(world.test_set_id), "endpoint_id": str(world.endpoint_id)}
    body = parts | {"cron": "0 6 * * *", "time_zone": "UTC", "name": "Other"} | changed
    for answer in (api.post("/schedules", body), api.patch(f"/schedules/{made['id']}", changed)):
        assert answer.status_code == 422
        assert answer.json["errors"][field][0].startswith(said)
    assert api.get("/schedules").json == [made]


def test_two_wrong_fields_are_said_at_once(world: World) -> None:
    answer = world.person.api.patch(f"/schedules/{schedule(world)['id']}", {"cron": "0 6", "time_zone": "Berlin"})
    assert answer.json["errors"].keys() == {"cron", "time_zone"}


@pytest.mark.parametrize("part", ["test_set_id", "endpoint_id"])
def test_parts_are_of_one_project_live_and_known(world: World, part: str) -> None:
    api, made = world.person.api, schedule(world)
    other = make_world(world.person, "http://127.0.0.1:9", [("Question", "yes")])
    address = f"/schedules/{made['id']}"
    elsewhere = api.patch(address, {part: str(getattr(other, part))})
    assert elsewhere.json["errors"][part][0].endswith("from the schedule's project.")
    assert api.patch(address, {part: str(new_id())}).status_code == 404
    word = {"test_set_id": "test-sets", "endpoint_id": "endpoints"}[part]
    api.delete(f"/{word}/{getattr(world, part)}")
    archived = api.patch(address, {part: str(getattr(world, part))})
    assert archived.json["errors"][part][0].endswith("is archived. Restore it or choose another.")


def test_only_the_fields_sent_change_and_the_state_that_was_read_is_asked_for(world: World) -> None:
    api, made = world.person.api, schedule(world)
    address = f"/schedules/{made['id']}"
    changed = api.patch(address, {"time_zone": "Asia/Tokyo"}, headers={"If-Match": made["etag"]})
    assert changed.status_code == 200
    assert changed.json["cron"] == made["cron"]
    assert changed.json["next_fire_at"] != made["next_fire_at"]
    assert changed.headers["ETag"] == changed.json["etag"] != made["etag"]
    assert api.patch(address, {"name": "Late"}, headers={"If-Match": made["etag"]}).status_code == 412
    renamed = api.patch(address, {"name": "Late"}).json
    assert (renamed["name"], renamed["next_fire_at"]) == ("Late", changed.json["next_fire_at"])


def test_pause_resume_archive_and_restore(world: World) -> None:
    api, made = world.person.api, schedule(world)
    address = f"/schedules/{made['id']}"
    for _ in range(2):
        paused = api.post(f"{address}/pause").json
        assert (paused["is_paused"], paused["next_fire_at"]) == (True, None)
    assert api.patch(address, {"cron": "0 7 * * *"}).json["next_fire_at"] is None
    assert api.delete(address).json["archived_at"] is not None
    assert api.post(f"{address}/resume").status_code == 409
    assert api.get("/schedules").json == []
    assert len(api.get("/schedules?archived=true").json) == 1
    back = api.post(f"{address}/restore").json
    assert (back["is_paused"], back["next_fire_at"], back["archived_at"]) == (True, None, None)
    resumed = api.post(f"{address}/resume").json
    assert berlin(resumed["next_fire_at"]).hour == 7


def test_a_name_that_is_taken_is_a_conflict(world: World) -> None:
    api, first, second = world.person.api, schedule(world, name="Nightly"), schedule(world)
    assert api.patch(f"/schedules/{second['id']}", {"name": "Nightly"}).status_code == 409
    api.delete(f"/schedules/{first['id']}")
    assert api.patch(f"/schedules/{second['id']}", {"name": "Nightly"}).status_code == 200
    assert api.post(f"/schedules/{first['id']}/restore").status_code == 409


def test_the_preview_gives_five_times_and_keeps_nothing(world: World, bob: Person) -> None:
    answer = bob.api.post("/schedules/preview", {"cron": "0 6 * * *", "time_zone": "Europe/Berlin"})
    assert answer.status_code == 200
    assert [berlin(moment).hour for moment in answer.json["times"]] == [6] * 5
    wrong = bob.api.post("/schedules/preview", {"cron": "0 6 * *", "time_zone": "Europe/Berlin"})
    assert wrong.json["errors"]["cron"][0].startswith("Give five fields")
    assert bob.api.get("/schedules").json == []


def test_every_change_is_on_record(world: World) -> None:
    api, made = world.person.api, schedule(world)
    address = f"/schedules/{made['id']}"
    api.patch(address, {"name": "Late"})
    for verb in ("pause", "resume"):
        api.post(f"{address}/{verb}")
    api.delete(address)
    api.post(f"{address}/restore")
    entries = world.ask("SELECT action FROM audit_entry WHERE object_id = :id ORDER BY at, id", id=made["id"])
    verbs = ("create", "update", "pause", "resume", "archive", "restore")
    assert [entry.action for entry in entries] == [f"schedule.{verb}" for verb in verbs]


def test_a_viewer_sees_schedules_and_changes_none(world: World, bob: Person) -> None:
    made = schedule(world)
    assert bob.api.get(f"/schedules/{made['id']}").json["can_manage"] is False
    assert bob.api.post(f"/schedules/{made['id']}/pause").status_code == 403
    assert bob.api.patch(f"/schedules/{made['id']}", {"name": "Mine"}).status_code == 403
