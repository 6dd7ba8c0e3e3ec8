"""The run dialog with three trials and a reducer, the strip of a test's trials, only flaky, and what is asked again."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import EMAIL, PASSWORD, Instance, Watched, sign_in
from tests.e2e.http_api import HttpApi, make_run
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

CONTAINS = {"name": "Contains it", "evaluator": "text.contains", "params": {}}
TESTS = [("Steady", "yes"), ("Alternating", "yes"), ("Wrong", "never said")]


def alternates(call: Call) -> Reply:
    """The alternating one says yes in every odd trial."""
    trial = int(call.headers["idempotency-key"].rpartition(":")[2])
    return json_reply({"reply": "no" if call.json["message"] == "Alternating" and trial % 2 == 0 else "yes"})


@pytest.mark.timeout(180)
def test_a_run_is_started_with_trials_and_its_flaky_test_is_asked_again(owned: Instance, watched: Watched) -> None:
    api, page = HttpApi(owned.url), watched.page
    api.sign_in(EMAIL, PASSWORD)
    with ScriptedEndpoint(alternates) as app:
        run = api.finished(make_run(api, app.url, TESTS, metric=CONTAINS))
        project = api.get(f"/projects/{run['project_id']}")
        home = f"{owned.url}/p/{project['slug']}/runs"
        sign_in(watched, owned)

        page.goto(f"{home}/new?test_set={run['test_set']['id']}")
        page.get_by_text("Ask each test several times").click()
        page.get_by_label("Trials of each test").fill("3")
        page.get_by_label("A test passes when").select_option(label="all of its trials pass")
        watched.audit("the dialog with trials")
        page.get_by_role("button", name="Start the run").click()
        page.wait_for_url(re.compile(r"/runs/2$"))
        expect(page.get_by_text("1 / 3 passed").first).to_be_visible()  # without a reload
        expect(page.get_by_text("2 of 3 tests answered alike in all trials")).to_be_visible()
        strip = page.get_by_role("row", name="Alternating").get_by_role("img")
        expect(strip).to_have_attribute("aria-label", "Trials in order: passed, failed, passed")
        watched.audit("a run with trials")
        assert len(app.calls) == 3 + 9

        page.get_by_role("link", name="Only flaky").click()
        page.wait_for_url(re.compile("flaky=1"))
        expect(page.locator("#run-tests tbody tr")).to_have_count(1)
        page.get_by_role("link", name="Alternating").click()
        trials = page.get_by_role("navigation", name="Trials of this test")
        expect(trials.get_by_role("link")).to_have_count(3)
        trials.get_by_role("link", name="trial 3").click()
        expect(page.get_by_text("test 2, trial 3")).to_be_visible()
        watched.audit("one trial in the drawer")

        page.goto(f"{home}/2")
        page.get_by_label("More ways to run again").click()
        page.get_by_role("button", name="Re-run 1 flaky").click()
        page.wait_for_url(re.compile(r"/runs/3$"))
        expect(page.get_by_text("0 / 1 passed").first).to_be_visible()
        expect(page.get_by_text("Re-run of #2: only the tests that had trials that disagreed in #2")).to_be_visible()
        assert len(app.calls) == 12 + 3
