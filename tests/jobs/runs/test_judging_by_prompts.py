"""A run whose judge took its criteria from a prompt: judged by the frozen words, and each result says from which version."""

from examples.scripted_model.server import ScriptedModel
from tests.jobs.runs.test_judging import answers, judged_by_tiny
from tests.jobs.runs.world import make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint
from tests.tiny_judge import offering_tiny

WORDS = "The answer says “yes”."


def test_a_result_says_which_version_it_was_judged_by_whatever_becomes_of_the_prompt(alice: Person) -> None:
    with ScriptedEndpoint(answers) as endpoint, ScriptedModel() as model, offering_tiny(alice.host):
        judged = judged_by_tiny(make_world(alice, endpoint.url, [("Is it open?", "yes")]))
        judged.connect(model.url)
        project, metric = str(judged.world.project_id), f"/metrics/{judged.world.metric_id}"
        prompt = alice.api.post("/prompts", {"project_id": project, "name": "Open", "template": WORDS}).json
        assert alice.api.patch(metric, {"prompt_version_id": prompt["version_id"]}).status_code == 200
        run_id = judged.start()
        newer = alice.api.post(f"/prompts/{prompt['id']}/versions", {"template": "Says “no”."}).json["id"]
        assert alice.api.patch(metric, {"prompt_version_id": newer}).status_code == 200
        judged.drive(run_id)
        assert WORDS in str(model.calls[0].body)
        result_id = judged.world.ask("SELECT id FROM test_result")[0].id
        (found,) = alice.api.get(f"/test-results/{result_id}").json["evaluations"]
        slug = judged.world.ask("SELECT slug FROM project")[0].slug
        page = alice.web.get(f"/p/{slug}/runs/1/results/{result_id}").text
    assert found["verdict"] == "passed"
    assert found["criteria_from"] == {
        "prompt_id": prompt["id"],
        "name": "Open",
        "prompt_version_id": prompt["version_id"],
        "version": 1,
    }
    assert "criteria from Open, version 1" in page
