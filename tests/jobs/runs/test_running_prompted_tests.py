"""A run of tests whose text came from a prompt: asked as it was frozen, and the result says from which version."""

from dataclasses import replace
from uuid import UUID

from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.world import make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint


def test_a_run_asks_the_frozen_text_whatever_becomes_of_prompt_and_test(alice: Person) -> None:
    with ScriptedEndpoint() as server:
        world = make_world(alice, server.url, [("unused", "x")])
        project = str(world.project_id)
        prompt = alice.api.post("/prompts", {"project_id": project, "name": "P", "template": "One {{ x }}"}).json
        tests = [{"prompt_id": prompt["id"], "values": {"x": "{{ y }}"}, "expected": "One {{ y }}"}]
        made = alice.api.post(
            "/test-sets", {"project_id": project, "name": "S", "tests": tests, "metric_ids": [str(world.metric_id)]}
        ).json
        world = replace(world, test_set_id=UUID(made["id"]))
        run_id = world.start()
        alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": "Two {{ x }}"})
        test_id = alice.api.get(f"/tests?test_set_id={made['id']}").json[0]["id"]
        assert alice.api.patch(f"/tests/{test_id}", {"prompt_id": prompt["id"]}).json["prompt"] == "Two {{ y }}"
        alice.api.delete(f"/prompts/{prompt['id']}")
        drive(world, run_id)
        assert [call.json["message"] for call in server.calls] == ["One {{ y }}"]
    result_id = world.ask("SELECT id FROM test_result")[0].id
    result = alice.api.get(f"/test-results/{result_id}").json
    assert (result["outcome"], result["output"]) == ("passed", "One {{ y }}")
    assert result["prompt_source"] == {
        "prompt_id": prompt["id"],
        "name": "P",
        "prompt_version_id": prompt["version_id"],
        "version": 1,
        "values": {"x": "{{ y }}"},
    }
    slug = world.ask("SELECT slug FROM project")[0].slug
    page = alice.web.get(f"/p/{slug}/runs/1/results/{result_id}").text
    assert f"/p/{slug}/prompts/{prompt['id']}/versions/1" in page
