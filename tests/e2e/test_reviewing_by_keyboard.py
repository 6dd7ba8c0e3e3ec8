"""Ten answers reviewed without a mouse: the run's numbers follow at once on its page, in the API and in a report."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import EMAIL, PASSWORD, Instance, Watched, sign_in
from tests.e2e.http_api import HttpApi, make_run
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

TESTS = [(f"Question {number:02d}", "yes" if number < 2 else "no") for number in range(12)]
CONTAINS = {"name": "Says it", "evaluator": "text.contains", "params": {}}


def figure(page: Page, passed: int) -> None:
    expect(page.locator("#run .tally").first).to_contain_text(f"{passed} / 12 passed")


@pytest.mark.timeout(180)
def test_ten_reviews_by_keyboard_change_the_numbers_everywhere(owned: Instance, watched: Watched) -> None:
    api = HttpApi(owned.url)
    api.sign_in(EMAIL, PASSWORD)
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as app:
        run = make_run(api, app.url, TESTS, metric=CONTAINS)
        view = api.finished(run)
    assert (view["totals"]["passed"], view["totals"]["failed"]) == (2, 10)
    slug = next(one["slug"] for one in api.get("/projects") if one["id"] == view["project_id"])
    rule = {"kind": "pass_rate", "at_least": 0.5}
    api.make("/gates", project_id=view["project_id"], name="Half", rule=rule)
    page = watched.page
    sign_in(watched, owned)
    page.goto(f"{owned.url}/p/{slug}/runs/{view['number']}")
    figure(page, 2)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog")
    for done in range(1, 11):
        expect(drawer.get_by_role("heading", level=1)).to_contain_text(f"Question {done + 1:02d}")
        page.keyboard.press("p")
        expect(drawer.get_by_text("reviewed; the metrics found failed")).to_be_visible()
        figure(page, 2 + done)  # behind the drawer, without a reload
        page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.get_by_text("12 of 12 passed: at 95 % confidence")).to_be_visible()
    watched.audit("a reviewed run")
    told = api.get(f"/test-runs/{run}")
    assert (told["pass_rate"]["passed"], told["outcome"]) == (12, "passed")
    assert told["gates"][0]["decision"] == "passed"
    report = api.make("/reports", run_id=run, exporter="markdown.run")
    assert api.get(f"/reports/{report['id']}?wait=30")["status"] == "done"
    page.goto(f"{owned.url}/p/{slug}/runs/{view['number']}")
    text = page.request.get(f"{owned.url}/api/v1/reports/{report['id']}/file", headers=api.headers).text()
    assert re.search(r"12 / 12 passed", text)
