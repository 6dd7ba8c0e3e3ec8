"""What is done in the background, in a whole instance: letters arrive, a report is watched and downloaded, a large file is taken over."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import EMAIL, PASSWORD, Instance, Watched, make_owner, running, sign_in
from tests.e2e.http_api import HttpApi, make_run
from tests.scripted_endpoint import ScriptedEndpoint, json_reply
from tests.smtp import PostBox, post_box

CONTAINS = {"name": "Contains it", "evaluator": "text.contains", "params": {}}


@pytest.fixture(scope="module")
def box() -> Iterator[PostBox]:
    """The mail server of the instance."""
    with post_box() as box:
        yield box


@pytest.fixture(scope="module")
def mailed(tmp_path_factory: pytest.TempPathFactory, box: PostBox) -> Iterator[Instance]:
    """An instance with a mail server, owned by Ada."""
    env = {"RHESIS_SMTP_URL": box.url, "RHESIS_MAIL_FROM": "Rhesis App <rhesis@example.org>"}
    with running(tmp_path_factory.mktemp("mailed") / "data", env=env) as started:
        make_owner(started)
        yield started


@pytest.mark.timeout(180)
def test_a_run_ends_with_a_letter_and_its_report_is_downloaded(
    mailed: Instance, watched: Watched, box: PostBox, tmp_path: Path
) -> None:
    api = HttpApi(mailed.url)
    api.sign_in(EMAIL, PASSWORD)
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as app:
        run = make_run(api, app.url, [("Is it?", "yes"), ("Is it not?", "no <b>")], metric=CONTAINS)
        assert api.finished(run)["outcome"] == "failed"
    box.await_count(1)
    (letter,) = box.taken
    assert (letter.recipient, letter.message["Subject"]) == (EMAIL, "Set #1 failed")
    page = watched.page
    sign_in(watched, mailed)
    page.goto(re.findall(r"Open the run: (\S+)", letter.text)[0])
    page.get_by_label("Export this run").click()
    page.get_by_role("link", name="Reports to keep").click()
    expect(page.get_by_text("No reports of this run yet")).to_be_visible()
    watched.audit("the form of a report")
    page.get_by_role("button", name="Make report").click()
    expect(page.get_by_text("Ready", exact=True)).to_be_visible()  # without a reload
    watched.audit("a report that is ready")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "report.html")
    box.await_count(2)
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.get_by_role("heading", name="Set #1")).to_be_visible()
    expect(page.get_by_text("no <b>", exact=True)).to_be_visible()
    page.get_by_label("Without passed ones").check()
    expect(page.get_by_role("article")).to_have_count(1)
    assert watched.said == []
    page.goto(f"{mailed.url}/settings/jobs")
    expect(page.get_by_role("row").filter(has_text="Under test")).to_have_count(3)
    watched.audit("background work")
    page.goto(f"{mailed.url}/settings/notifications")
    watched.audit("notifications")


@pytest.mark.timeout(120)
def test_a_large_file_is_watched_until_it_is_a_test_set(mailed: Instance, watched: Watched, tmp_path: Path) -> None:
    api = HttpApi(mailed.url)
    api.sign_in(EMAIL, PASSWORD)
    slug = api.make("/projects", name="Large files")["slug"]
    file = tmp_path / "large.csv"
    file.write_text("prompt,expected\n" + "".join(f"Question {n}?,Answer {n}\n" for n in range(2_500)))
    page = watched.page
    sign_in(watched, mailed)
    page.goto(f"{mailed.url}/p/{slug}/imports/new")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name=re.compile("Import 2.500 tests")).click()
    page.wait_for_url(re.compile("/test-sets/"))  # without a reload
    expect(page.get_by_text(re.compile("2.500"))).not_to_have_count(0)
    assert watched.said == []
