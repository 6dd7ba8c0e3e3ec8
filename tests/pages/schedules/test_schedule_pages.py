"""Pages of schedules: list, form with the next five times, pause, archive."""

import re

import pytest

from rhesis_app.infra.runtime import Runtime
from rhesis_app.runs.actions.fire import fire_due
from tests.jobs.runs.test_driving import answers_yes, drive
from tests.jobs.runs.world import World, make_world
from tests.jobs.schedules.test_firing import make_due, runs_of, schedule
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint


@pytest.fixture
def world(alice: Person) -> World:
    return make_world(alice, "http://127.0.0.1:9", [("Question", "yes")])


def path_of(world: World) -> str:
    return f"/p/{world.ask('SELECT slug FROM project')[0].slug}/schedules"


def form_of(world: World, **changed: str) -> dict[str, str]:
    parts = {"test_set": str(world.test_set_id), "endpoint": str(world.endpoint_id)}
    return parts | {"cron": "30 6 * * 1-5", "time_zone": "Europe/Berlin", "name": "Early"} | changed


def test_an_empty_list_says_what_a_schedule_is(world: World, bob: Person) -> None:
    assert "No schedules yet" in world.person.web.get(path_of(world)).text
    page = bob.web.get(path_of(world)).text
    assert "No schedules yet" in page
    assert "New schedule" not in page


def test_a_schedule_is_made_edited_paused_and_resumed(world: World, bob: Person) -> None:
    web, path = world.person.web, path_of(world)
    assert 'href="' + path + '"' in web.get(path.replace("schedules", "runs")).text, "the navigation leads here"
    assert web.post(path, form_of(world)).status_code == 303
    page = web.get(path).text
    assert "30 6 * * 1-5" in page
    assert ",\N{NO-BREAK SPACE}06:30" in page
    assert "Europe/Berlin" in page
    here = re.findall(rf'href="({path}/[0-9a-f-]+)/edit"', page)[0]
    assert 'value="30 6 * * 1-5"' in web.get(f"{here}/edit").text
    assert web.post(here, form_of(world, cron="15 7 * * *", time_zone="Asia/Kolkata")).status_code == 303
    assert ",\N{NO-BREAK SPACE}07:15" in web.get(path).text
    assert web.post(f"{here}/pause").status_code == 303
    assert "Paused" in web.get(path).text
    assert web.post(f"{here}/resume").status_code == 303
    assert ",\N{NO-BREAK SPACE}07:15" in web.get(path).text
    assert "Pause" not in bob.web.get(path).text


def test_a_schedule_is_archived_and_brought_back_unless_its_name_is_taken(world: World) -> None:
    web, path = world.person.web, path_of(world)
    here = f"{path}/{schedule(world, name='Early')['id']}"
    assert web.post(f"{here}/archive").status_code == 303
    assert "Early" in web.get(f"{path}?archived=1").text
    web.post(path, form_of(world))
    assert web.post(f"{here}/restore").headers["Location"].endswith("archived=1")
    assert "a schedule of this name" in web.get(f"{path}?archived=1").text
    schedule_of_that_name = re.findall(rf'href="({path}/[0-9a-f-]+)/edit"', web.get(path).text)[0]
    web.post(f"{schedule_of_that_name}/archive")
    web.post(f"{here}/restore")
    assert f'href="{here}/edit"' in web.get(path).text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cron": "61 * * * *"}, "The minute does not fit."),
        ({"cron": "* * * * *"}, "Leave at least 5 minutes between two runs."),
        ({"cron": "@daily"}, "Give five fields: minute, hour, day of the month, month, weekday."),
        ({"time_zone": "Berlin"}, "Give a time zone by its IANA name, such as Europe/Berlin or UTC."),
        ({"test_set": ""}, "Choose a test set."),
        ({"endpoint": "none"}, "Choose an endpoint."),
        ({"etag": '"old"'}, "Somebody changed this since you read it."),
    ],
)
def test_what_was_typed_comes_back_with_its_error(world: World, changed: dict[str, str], said: str) -> None:
    web, path = world.person.web, path_of(world)
    here = f"{path}/{schedule(world)['id']}"
    for address in [path, here] if "etag" not in changed else [here]:
        answer = web.post(address, form_of(world, **changed))
        assert answer.status_code in {412, 422}
        assert said in answer.text
        assert 'value="Early"' in answer.text
    assert world.ask("SELECT name FROM schedule")[0].name == "Set on bot"


def test_the_preview_shows_the_next_five_times_and_keeps_what_was_typed(world: World) -> None:
    web, path = world.person.web, path_of(world)
    here = f"{path}/{schedule(world)['id']}"
    for address in (path, here):
        page = web.post(f"{address}/preview", form_of(world, name="Half typed")).text
        assert page.count(",\N{NO-BREAK SPACE}06:30") == 5
        assert "By the clocks of Europe/Berlin" in page
        assert 'value="Half typed"' in page
    assert "The hour does not fit." in web.post(f"{path}/preview", form_of(world, cron="0 25 * * *")).text
    assert world.ask("SELECT count(*) FROM schedule")[0][0] == 1


def test_the_list_shows_what_the_last_run_came_to_and_leads_to_all_of_them(alice: Person, host: Runtime) -> None:
    with ScriptedEndpoint(answers_yes) as server:
        world = make_world(alice, server.url, [("Question", "yes"), ("Other", "no")])
        made = schedule(world)
        other = world.start()
        make_due(world)
        fire_due(host)
        run = runs_of(world)[-1]
        drive(world, run.id)
        drive(world, other)
    path = path_of(world)
    page = alice.web.get(path).text
    assert "1 / 2 passed" in page
    assert f"{path.replace('schedules', 'runs')}/2" in page
    runs = alice.web.get(f"{path.replace('schedules', 'runs')}?schedule={made['id']}").text
    assert "#2" in runs
    assert "#1<" not in runs
    assert "schedule Set on bot" in runs


def test_the_list_says_why_a_run_did_not_start(world: World, host: Runtime) -> None:
    schedule(world)
    world.person.api.delete(f"/endpoints/{world.endpoint_id}")
    make_due(world)
    fire_due(host)
    page = world.person.web.get(path_of(world)).text
    assert "Not started" in page
    assert "This endpoint is archived. Restore it or choose another." in page


def test_a_test_sets_page_leads_to_its_schedules(world: World) -> None:
    web, path = world.person.web, path_of(world)
    schedule(world)
    link = f"{path}?test_set={world.test_set_id}"
    assert link in web.get(f"{path.replace('schedules', 'test-sets')}/{world.test_set_id}").text
    assert "Set on bot" in web.get(link).text
    new = f"{path}/new?test_set={world.test_set_id}"
    assert new in web.get(link).text
    assert f'<option value="{world.test_set_id}" selected>' in web.get(new).text
