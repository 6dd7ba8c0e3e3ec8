"""A judge in a whole instance: connected, tried on text with its cost, saved, and attacked by a worker while the page watches."""

import re

from playwright.sync_api import expect

from examples.scripted_model.server import ScriptedModel
from tests.e2e.conftest import Instance, Watched
from tests.e2e.steps import Person


def test_a_judge_is_connected_tried_saved_and_attacked(owned: Instance, watched: Watched) -> None:
    ada, page = Person(watched.page, owned.url), watched.page
    ada.sign_in()
    ada.make_project("Judged")
    bearer = {"Authorization": f"Bearer {ada.make_token('judges')}"}
    projects = page.request.get(f"{owned.url}/api/v1/projects", headers=bearer).json()
    with ScriptedModel() as model:
        connected = page.request.post(
            f"{owned.url}/api/v1/models",
            headers=bearer,
            data={
                "project_id": next(one["id"] for one in projects if ada.project.endswith(f"/{one['slug']}")),
                "name": "Scripted",
                "wire": "openai",
                "base_url": model.url,
                "model_name": "scripted",
                "prices": {"input_per_million": "2.5", "output_per_million": "10"},
            },
        )
        assert connected.status == 201, connected.text()
        page.goto(f"{ada.project}/metrics/new")
        page.get_by_role("link", name="Score by rubric", exact=True).click()
        page.get_by_role("textbox", name="Name", exact=True).fill("Names the days")
        page.get_by_role("textbox", name="Criteria").fill("5: says “30 days”. 1: does not.")
        page.get_by_role("textbox", name="Answer", exact=True).fill("You have 30 days.")
        page.get_by_role("button", name="Score", exact=True).click()
        trial = page.locator("#metric-trial")
        expect(trial.get_by_text("Passed")).to_be_visible()
        expect(trial.get_by_text("It has everything that was wanted.", exact=True)).to_be_visible()
        expect(trial.get_by_text(re.compile(r"Judged by scripted, \d+ tokens in, \d+ out, \$0\.0"))).to_be_visible()
        watched.audit("the workbench with a judge's verdict")
        page.get_by_role("button", name="Create metric", exact=True).click()
        page.get_by_role("link", name="Attack it").click()
        page.get_by_role("button", name="Attack", exact=True).first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text(re.compile(r"makes \d+ calls of"))).to_be_visible()
        watched.audit("what attacking takes")
        dialog.get_by_role("button", name="Attack", exact=True).click()
        held = page.get_by_text(re.compile(r"(\d+) of \1 attacks gained nothing"))
        expect(held).to_be_visible(timeout=60_000)
        watched.audit("how the judge stood up to attacks")
        assert len(model.calls) > 25
