"""Judges whose criteria are taken from a prompt's version: kept as text, with where they come from beside it."""

from collections.abc import Iterator
from typing import Any

import pytest

from rhesis_app.authoring.models import Metric
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from tests.judges import JudgedProject, judged
from tests.people import Person

FIRST, SECOND = "The answer says “30 days”.", "The answer says “14 days”."


@pytest.fixture
def world(alice: Person, project: ProjectView) -> Iterator[JudgedProject]:
    with judged(alice, project) as made:
        yield made


@pytest.fixture
def prompt(alice: Person, project: ProjectView) -> dict[str, Any]:
    return write(alice, project, FIRST)


def write(person: Person, project: ProjectView, text: str, name: str = "Days") -> dict[str, Any]:
    made = person.api.post("/prompts", {"project_id": str(project.id), "name": name, "template": text})
    assert made.status_code == 201, made.text
    return made.json


def add(person: Person, prompt: dict[str, Any], text: str) -> str:
    return person.api.post(f"/prompts/{prompt['id']}/versions", {"template": text}).json["id"]


def test_the_text_becomes_the_criteria_and_says_where_it_comes_from(
    alice: Person, world: JudgedProject, prompt: dict[str, Any]
) -> None:
    params = {"low": 0, "high": 10}
    path = f"/metrics/{world.metric(params=params, prompt_version_id=prompt['version_id'])}"
    add(alice, prompt, SECOND)
    found = alice.api.get(path).json
    assert (found["params"]["criteria"], found["params"]["high"]) == (FIRST, 10)
    assert found["prompt_source"] == {
        "prompt_id": prompt["id"],
        "name": "Days",
        "prompt_version_id": prompt["version_id"],
        "version": 1,
        "newest_version": 2,
    }
    assert world.person.api.get("/metrics").json[0]["prompt_source"] == found["prompt_source"]


def test_a_newer_version_is_taken_when_it_is_asked_for(
    alice: Person, world: JudgedProject, prompt: dict[str, Any]
) -> None:
    path = f"/metrics/{world.metric(prompt_version_id=prompt['version_id'])}"
    changed = alice.api.patch(path, {"prompt_version_id": add(alice, prompt, SECOND)}).json
    assert (changed["params"]["criteria"], changed["prompt_source"]["version"]) == (SECOND, 2)


def test_other_words_let_go_of_the_prompt_and_other_settings_do_not(
    alice: Person, world: JudgedProject, prompt: dict[str, Any]
) -> None:
    path = f"/metrics/{world.metric(prompt_version_id=prompt['version_id'])}"
    for kept in ({"name": "Other"}, {"rule": {"at_least": 4}}, {"params": {"criteria": FIRST, "high": 7}}):
        assert alice.api.patch(path, kept).json["prompt_source"]["version"] == 1
    own = alice.api.patch(path, {"params": {"criteria": "Says “yes”."}}).json
    assert (own["params"]["criteria"], own["prompt_source"]) == ("Says “yes”.", None)


def test_null_lets_go_and_keeps_the_words(alice: Person, world: JudgedProject, prompt: dict[str, Any]) -> None:
    path = f"/metrics/{world.metric(prompt_version_id=prompt['version_id'])}"
    own = alice.api.patch(path, {"prompt_version_id": None}).json
    assert (own["params"]["criteria"], own["prompt_source"]) == (FIRST, None)


def test_another_evaluator_without_criteria_lets_go(
    alice: Person, world: JudgedProject, prompt: dict[str, Any]
) -> None:
    path = f"/metrics/{world.metric(prompt_version_id=prompt['version_id'])}"
    plain = {"evaluator": "text.contains", "params": {"text": "30"}}
    refused = alice.api.patch(path, {**plain, "prompt_version_id": prompt["version_id"]})
    assert (refused.status_code, set(refused.json["errors"])) == (422, {"prompt_version_id"})
    assert alice.api.patch(path, plain).json["prompt_source"] is None


def test_what_cannot_be_criteria_is_refused_at_the_field_and_changes_nothing(
    alice: Person, project: ProjectView, world: JudgedProject, prompt: dict[str, Any]
) -> None:
    with alice.scope() as scope:
        elsewhere = create_project(scope, name="Elsewhere")
    other = alice.api.post("/prompts", {"project_id": str(elsewhere.id), "name": "Far", "template": "Far"}).json
    with_variables = write(alice, project, "The answer names {{ city }}.", "City")
    archived = write(alice, project, "Gone", "Gone")
    alice.api.delete(f"/prompts/{archived['id']}")
    path = f"/metrics/{world.metric(prompt_version_id=prompt['version_id'])}"
    before = alice.api.get(path).json
    for wrong, said in (
        (with_variables["version_id"], "variables (city)"),
        (archived["version_id"], "not archived"),
        (other["version_id"], "of this project"),
        ("01890000-0000-7000-8000-000000000000", "of this project"),
    ):
        refused = alice.api.patch(path, {"prompt_version_id": wrong})
        assert (refused.status_code, set(refused.json["errors"])) == (422, {"prompt_version_id"})
        assert said in refused.json["detail"]
        body = {"project_id": str(project.id), "name": "New", "evaluator": "judge.binary", "prompt_version_id": wrong}
        assert set(alice.api.post("/metrics", body).json["errors"]) == {"prompt_version_id"}
    assert alice.api.get(path).json == before
    assert alice.count(Metric) == 1


def test_a_metric_keeps_its_version_when_the_prompt_is_archived(
    alice: Person, world: JudgedProject, prompt: dict[str, Any]
) -> None:
    path = f"/metrics/{world.metric(prompt_version_id=prompt['version_id'])}"
    alice.api.delete(f"/prompts/{prompt['id']}")
    again = alice.api.patch(path, {"prompt_version_id": prompt["version_id"], "params": {"high": 7}})
    assert (again.status_code, again.json["params"]["criteria"]) == (200, FIRST)


def test_what_is_too_long_for_criteria_is_said_at_them(
    alice: Person, project: ProjectView, world: JudgedProject
) -> None:
    long = write(alice, project, "long " * 5000, "Long")
    body = {"project_id": str(project.id), "name": "New", "evaluator": "judge.binary"}
    refused = alice.api.post("/metrics", {**body, "prompt_version_id": long["version_id"]})
    assert (refused.status_code, set(refused.json["errors"])) == (422, {"params.criteria"})


def test_a_trial_judges_by_the_prompt(world: JudgedProject, prompt: dict[str, Any]) -> None:
    found = world.tried({"output": "30 days"}, params={}, prompt_version_id=prompt["version_id"])
    assert (found.status_code, found.json["verdict"]) == (200, "passed")
    assert FIRST in str(world.model.calls[0].body)


def test_the_prompts_newest_version_takes_metrics_along(
    alice: Person, world: JudgedProject, prompt: dict[str, Any]
) -> None:
    paths = [
        f"/metrics/{world.metric(name=name, prompt_version_id=prompt['version_id'])}" for name in ("A", "B", "Archived")
    ]
    alice.api.delete(paths[2])
    newest = add(alice, prompt, SECOND)
    shown = alice.api.get(f"/prompts/{prompt['id']}").json
    assert (shown["metric_count"], shown["older_metric_count"]) == (2, 2)
    done = alice.api.post(f"/prompts/{prompt['id']}/use-newest").json
    assert (done["version"], done["moved"], done["moved_metrics"], done["left_metrics"]) == (2, 0, 2, [])
    found = [alice.api.get(path).json for path in paths]
    assert [one["params"]["criteria"] for one in found] == [SECOND, SECOND, FIRST]
    assert [one["prompt_source"]["prompt_version_id"] for one in found[:2]] == [newest] * 2
    assert alice.api.get(f"/prompts/{prompt['id']}").json["older_metric_count"] == 0


def test_a_newest_version_with_variables_leaves_metrics_and_names_them(
    alice: Person, world: JudgedProject, prompt: dict[str, Any]
) -> None:
    metric_id = world.metric(prompt_version_id=prompt["version_id"])
    add(alice, prompt, "The answer names {{ city }}.")
    done = alice.api.post(f"/prompts/{prompt['id']}/use-newest").json
    assert done["moved_metrics"] == 0
    assert done["left_metrics"][0]["metric_id"] == metric_id
    assert "variables (city)" in done["left_metrics"][0]["reason"]
    assert alice.api.get(f"/metrics/{metric_id}").json["prompt_source"]["version"] == 1


def test_strangers_and_viewers_take_nothing(
    alice: Person, bob: Person, charlie: Person, world: JudgedProject, prompt: dict[str, Any]
) -> None:
    path = f"/metrics/{world.metric()}"
    body = {"prompt_version_id": prompt["version_id"]}
    assert [person.api.patch(path, body).status_code for person in (bob, charlie)] == [403, 404]
    with charlie.scope() as scope:
        own = create_project(scope, name="Own")
    new = {"project_id": str(own.id), "name": "Taken", "evaluator": "judge.binary", **body}
    assert set(charlie.api.post("/metrics", new).json["errors"]) == {"prompt_version_id"}
    assert alice.api.get(path).json["prompt_source"] is None
