"""From a run's page to a checked run, a re-run of what failed and a re-score, in a browser; calls are counted at the endpoint."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import EMAIL, PASSWORD, Instance, Watched, sign_in
from tests.e2e.http_api import HttpApi, make_run
from tests.scripted_endpoint import ScriptedEndpoint, json_reply

CONTAINS = {"name": "Contains it", "evaluator": "text.contains", "params": {}}
TESTS = [(f"Question {number}", "yes" if number % 4 else "never said") for number in range(12)]


@pytest.mark.timeout(180)
def test_what_failed_is_asked_again_and_what_was_answered_is_scored_without_a_call(
    owned: Instance, watched: Watched
) -> None:
    api, page = HttpApi(owned.url), watched.page
    api.sign_in(EMAIL, PASSWORD)
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as app:
        first = make_run(api, app.url, TESTS, metric=CONTAINS)
        run = api.finished(first)
        project = api.get(f"/projects/{run['project_id']}")
        api.make(
            "/metrics", project_id=project["id"], name="Says yes", evaluator="text.contains", params={"text": "yes"}
        )
        home = f"{owned.url}/p/{project['slug']}/runs"
        sign_in(watched, owned)

        page.goto(f"{home}/new?test_set={run['test_set']['id']}")
        page.get_by_role("button", name="Check first").click()
        expect(page.get_by_text("first test was answered in")).to_be_visible()
        watched.audit("a run that was checked")
        assert len(app.calls) == 13

        page.goto(f"{home}/{run['number']}")
        page.get_by_label("More ways to run again").click()
        watched.audit("the ways to run again")
        page.get_by_role("button", name="Re-run 3 failed").click()
        page.wait_for_url(re.compile(r"/runs/2$"))
        expect(page.get_by_text("0 / 3 passed").first).to_be_visible()  # without a reload
        expect(page.get_by_text("Re-run of #1: only the tests that failed")).to_be_visible()
        watched.audit("a run of what failed")
        assert len(app.calls) == 16

        page.goto(f"{home}/1/rescore")
        page.get_by_label("Other metrics").check()
        page.get_by_text("Choose other metrics").click()
        page.get_by_label("Says yes").check()
        watched.audit("the metrics to score by")
        page.get_by_role("button", name="Score 12 answers").click()
        page.wait_for_url(re.compile(r"/runs/3$"))
        expect(page.get_by_text("12 / 12 passed").first).to_be_visible()
        watched.audit("a re-score")
        assert len(app.calls) == 16

    page.goto(f"{home}/1")
    expect(page.get_by_role("link", name="#3 Re-score")).to_be_visible()
    watched.audit("a run with children")
    page.get_by_role("link", name="Compare with #2").click()
    expect(page.get_by_text("no difference is tested")).to_be_visible()
    watched.audit("a run beside a run of what failed in it")
