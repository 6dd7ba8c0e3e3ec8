"""Errors retried in place, and a run paused and resumed, in a browser; calls are counted at the endpoint."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import EMAIL, PASSWORD, Instance, Watched, sign_in
from tests.e2e.http_api import HttpApi, make_run
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

CONTAINS = {"name": "Contains it", "evaluator": "text.contains", "params": {}}


@pytest.mark.timeout(180)
def test_errors_are_answered_in_place_while_the_page_is_watched(owned: Instance, watched: Watched) -> None:
    api, page = HttpApi(owned.url), watched.page
    api.sign_in(EMAIL, PASSWORD)
    refused = {3, 5}

    def fails_first(call: Call) -> Reply:
        number = int(call.json["message"].split()[-1])
        return Reply(status=404) if number in refused else json_reply({"reply": "yes"}, delay_s=4 * (number == 5))

    tests = [(f"Question {number}", "yes") for number in range(8)]
    with ScriptedEndpoint(fails_first) as app:
        run = api.finished(make_run(api, app.url, tests, metric=CONTAINS, max_concurrency=1))
        assert (run["status"], len(app.calls)) == ("partial", 8)
        refused.clear()
        home = f"{owned.url}/p/{api.get('/projects/' + run['project_id'])['slug']}/runs"
        sign_in(watched, owned)
        page.goto(f"{home}/1")
        expect(page.get_by_text("6 / 6 passed").first).to_be_visible()
        page.get_by_role("button", name="Retry 2 errors").click()
        expect(page.get_by_text("asks 2 errors of this run again")).to_be_visible()
        watched.audit("a run whose errors are being retried")
        expect(page.get_by_text("8 / 8 passed").first).to_be_visible(timeout=30_000)  # without a reload
        expect(page.get_by_text("of this run again")).to_have_count(0)
        expect(page.get_by_role("button", name=re.compile("Retry"))).to_have_count(0)
        assert len(app.calls) == 10
    page.get_by_role("link", name="Question 3").click()
    expect(page.get_by_text("First try: http 4xx, 1 attempt, replaced by #2.")).to_be_visible()
    watched.audit("a result that replaced an error")


@pytest.mark.timeout(180)
def test_a_run_stands_still_while_it_is_paused_and_ends_after_it(owned: Instance, watched: Watched) -> None:
    api, page = HttpApi(owned.url), watched.page
    api.sign_in(EMAIL, PASSWORD)
    tests = [(f"Question {number}", "yes") for number in range(40)]
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"}, delay_s=0.3)) as app:
        run_id = make_run(api, app.url, tests, metric=CONTAINS, max_concurrency=1)
        run = api.get(f"/test-runs/{run_id}")
        home = f"{owned.url}/p/{api.get('/projects/' + run['project_id'])['slug']}/runs"
        sign_in(watched, owned)
        page.goto(f"{home}/{run['number']}")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text(re.compile(r"Paused by .+: \d+ tests are left"))).to_be_visible()
        watched.audit("a paused run")
        page.wait_for_timeout(2000)
        asked = len(app.calls)
        assert 0 < asked < 40
        page.wait_for_timeout(3000)
        assert len(app.calls) == asked
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text("40 / 40 passed").first).to_be_visible(timeout=60_000)
        assert len(app.calls) == 40


@pytest.mark.timeout(180)
def test_answers_are_recorded_under_a_cap_and_replayed_without_their_endpoint(
    owned: Instance, watched: Watched
) -> None:
    api, page = HttpApi(owned.url), watched.page
    api.sign_in(EMAIL, PASSWORD)
    tests = [(f"Question {number}", "yes") for number in range(8)]
    mapping = {"output": "$.reply", "cost": "$.dollars"}
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes", "dollars": 0.01})) as app:
        first = make_run(api, app.url, tests, metric=CONTAINS, max_concurrency=1, response_mapping=mapping)
        run = api.finished(first)
        home = f"{owned.url}/p/{api.get('/projects/' + run['project_id'])['slug']}/runs"
        sign_in(watched, owned)
        page.goto(f"{home}/new?test_set={run['test_set']['id']}")
        page.get_by_text("Record or replay the answers").click()
        page.get_by_label("Ask and record").check()
        page.get_by_label("Stop at a cost of, in $").fill("0.03")
        watched.audit("the dialog that records under a cap")
        page.get_by_role("button", name="Start the run").click()
        page.wait_for_url(re.compile(r"/runs/2$"))
        stopped = page.get_by_text(re.compile(r"Stopped at its cost cap of \$0\.03: \d of 8 tests not asked\."))
        expect(stopped).to_be_visible(timeout=30_000)
        watched.audit("a run that stopped at its cap")
        recorded = len(app.calls) - 8
        assert 3 <= recorded < 8
    page.goto(f"{home}/new?test_set={run['test_set']['id']}")
    page.get_by_text("Record or replay the answers").click()
    page.get_by_label("Replay only").check()
    page.get_by_label("Recording").select_option(index=1)
    page.get_by_text("Ask each test several times").click()
    watched.audit("the dialog with everything unfolded")
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/3$"))
    expect(page.get_by_text(f"{recorded} / {recorded} passed").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text(f"{recorded} replayed from #2")).to_be_visible()
    assert len(app.calls) == 8 + recorded  # the endpoint has gone
    page.get_by_role("link", name="Question 0").click()
    expect(page.get_by_role("link", name="replayed from #2")).to_be_visible()
    watched.audit("a replayed result")
