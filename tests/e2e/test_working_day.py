"""Log in, make an endpoint, import, run, watch rows turn, open a result, cancel another run, export."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Instance, Watched, sign_in
from tests.e2e.steps import Person as Someone
from tests.scripted_endpoint import Call, Reply, ScriptedEndpoint, json_reply

SAMPLES = 40
EARLIER = {3, 17, 29}


def samples(folder: Path) -> Path:
    """Chat samples as an evaluation file has them; for three of them our application will be wrong."""
    path = folder / "born.jsonl"
    lines = [
        {
            "input": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": f"Was person {number} born before person 50? Answer Y or N."},
            ],
            "ideal": "N" if number in EARLIER else "Y",
        }
        for number in range(SAMPLES)
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    return path


def always_yes(call: Call) -> Reply:
    roles = [message["role"] for message in call.json["messages"]]
    is_a_test = "Was person" in call.json["messages"][-1]["content"]
    said = "Y" if roles == ["system", "user"] or not is_a_test else "the earlier messages are missing"
    return json_reply({"choices": [{"message": {"role": "assistant", "content": said}}]}, delay_s=0.4)


@pytest.mark.timeout(240)
def test_a_working_day(owned: Instance, watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    page.goto(f"{owned.url}/login")
    watched.audit("login")
    sign_in(watched, owned)
    watched.audit("signed in")
    Someone(page, owned.url).make_project("Birthdays")
    with ScriptedEndpoint(always_yes, keep_calls=False) as app:
        _connect(watched, owned, app.url)
        _import(watched, owned, samples(tmp_path))
        _make_metric(watched, owned)
        _run_and_watch(watched, owned)
        _open_a_result(watched)
        _export(watched, owned)
        _cancel_another(watched, owned)
    page.goto(f"{owned.url}/p/birthdays/runs")
    expect(page.get_by_role("row")).to_have_count(3)
    watched.audit("runs")
    page.goto(f"{owned.url}/p/birthdays/")
    watched.audit("overview")


def _connect(watched: Watched, owned: Instance, url: str) -> None:
    page = watched.page
    page.goto(f"{owned.url}/p/birthdays/endpoints/new")
    watched.audit("choose an endpoint")
    page.get_by_role("link", name="Use OpenAI-compatible chat").click()
    page.locator("#f-name").fill("Birthday bot")
    page.locator("#f-url").fill(url)
    page.get_by_label("Secret").fill("sk-of-nobody")
    page.get_by_role("button", name="Send a test call").click()
    expect(page.get_by_text("Test call answered")).to_be_visible()
    watched.audit("a test call")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile("quick-check"))


def _import(watched: Watched, owned: Instance, path: Path) -> None:
    page = watched.page
    page.goto(f"{owned.url}/p/birthdays/imports/new")
    watched.audit("import")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text(f"{SAMPLES} tests ready")).to_be_visible()
    watched.audit("preview of an import")
    page.get_by_role("button", name=f"Import {SAMPLES} tests").click()
    page.wait_for_url(re.compile("/test-sets/"))
    expect(page.get_by_text("Was person 0 born before person 50?").first).to_be_visible()
    watched.audit("test set")


def _make_metric(watched: Watched, owned: Instance) -> None:
    page = watched.page
    page.goto(f"{owned.url}/p/birthdays/metrics/new")
    watched.audit("choose an evaluator")
    page.goto(f"{owned.url}/p/birthdays/metrics/new?evaluator=text.equals")
    page.locator("#f-name").fill("The letter is right")
    watched.audit("a metric's form")
    page.get_by_role("button", name=re.compile("Create|Save")).first.click()
    page.wait_for_url(re.compile("/metrics"))
    watched.audit("metric")


def _run_and_watch(watched: Watched, owned: Instance) -> None:
    page = watched.page
    page.goto(f"{owned.url}/p/birthdays/runs/new")
    page.get_by_text("Choose other metrics for this run").click() if not page.get_by_label(
        "The letter is right"
    ).is_visible() else None
    page.get_by_label("The letter is right").check()
    watched.audit("a run's dialog")
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/1$"))
    expect(page.get_by_role("button", name="Cancel run").first).to_be_visible()
    watched.audit("a run on its way")
    # the page goes on by itself
    expect(page.get_by_text(f"{SAMPLES - len(EARLIER)} / {SAMPLES} passed").first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("link", name="Run again")).to_be_visible()
    watched.audit("a finished run")


def _open_a_result(watched: Watched) -> None:
    page = watched.page
    page.get_by_role("link", name=re.compile(r"^Failed")).first.click()
    expect(page).to_have_url(re.compile("outcome=failed"))
    page.get_by_role("link", name="Was person 3 born before").first.click()
    expect(page.get_by_text("What went over the wire").first).to_be_visible()
    watched.audit("a result beside the run")


def _export(watched: Watched, owned: Instance) -> None:
    page = watched.page
    with page.expect_download() as waiting:
        page.evaluate(f"location.href = '{owned.url}/p/birthdays/runs/1/export/junit.xml'")
    text = waiting.value.path().read_text("utf-8")
    assert text.count("<testcase") == SAMPLES
    assert text.count("<failure") == len(EARLIER)


def _cancel_another(watched: Watched, owned: Instance) -> None:
    page = watched.page
    page.goto(f"{owned.url}/p/birthdays/runs/1")
    page.get_by_role("link", name="Run again").click()
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/2$"))
    page.get_by_role("button", name="Cancel run").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel run").click()
    expect(page.get_by_text(re.compile("[Cc]ancelled")).first).to_be_visible(timeout=30_000)
    watched.audit("a cancelled run")
