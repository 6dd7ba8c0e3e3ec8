"""A colleague: invited, let in by a link, reading everything and changing nothing, given more, and shown out again."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import EMAIL, PASSWORD, Instance, Watched, make_owner, running, sign_in
from tests.e2e.http_api import HttpApi, make_run
from tests.scripted_endpoint import ScriptedEndpoint, json_reply
from tests.smtp import PostBox, post_box

CONTAINS = {"name": "Contains it", "evaluator": "text.contains", "params": {}}
DANA, PHRASE = "dana@example.org", "words that Dana chose"
# what an owner is offered on these pages, by the words on it
OFFERS = re.compile(
    r"^(New|Save|Start|Invite|Import|Archive|Re-|Add|Review|Make|Create|Edit|Cancel|Mark as|Delete)", re.IGNORECASE
)


@pytest.fixture(scope="module")
def box() -> Iterator[PostBox]:
    """The mail server of the instance."""
    with post_box() as box:
        yield box


@pytest.fixture(scope="module")
def mailed(tmp_path_factory: pytest.TempPathFactory, box: PostBox) -> Iterator[Instance]:
    """An instance with a mail server, owned by Ada."""
    env = {"RHESIS_SMTP_URL": box.url, "RHESIS_MAIL_FROM": "Rhesis App <rhesis@example.org>"}
    with running(tmp_path_factory.mktemp("colleagues") / "data", env=env) as started:
        make_owner(started)
        yield started


@pytest.fixture
def theirs(browser: Browser) -> Iterator[Watched]:
    """The colleague's browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield Watched(context)
    context.close()


def link_in(box: PostBox, words: str) -> str:
    return re.findall(rf"{words}: (\S+)", box.taken[-1].text)[0]


def offered(page: Page) -> list[str]:
    """What could be pressed in the page itself, and is not hidden in a closed menu."""
    pressable = page.locator("main button:visible, main a.btn:visible").all_inner_texts()
    return [words.strip() for words in pressable if OFFERS.match(words.strip())]


@pytest.mark.timeout(120)
def test_whoever_runs_the_server_makes_a_link_for_a_forgotten_password(mailed: Instance, watched: Watched) -> None:
    words = ("reset-link", EMAIL, "--url", mailed.url)
    environment = {**os.environ, "RHESIS_DATA": str(mailed.data)}
    command = [sys.executable, "-m", "rhesis_app.cli", *words]
    done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    watched.page.goto(done.stdout.strip())
    expect(watched.page.get_by_label("E-mail")).to_have_value(EMAIL)
    watched.page.get_by_label("New password").fill(PASSWORD)
    watched.page.get_by_role("button", name="Set password").click()
    expect(watched.page.get_by_text("Your password was changed")).to_be_visible()
    sign_in(watched, mailed)
    unknown = subprocess.run(
        [*command[:4], "nobody@example.org"], check=False, env=environment, capture_output=True, text=True
    )
    assert (unknown.returncode, "Nobody is registered" in unknown.stderr) == (1, True)


@pytest.mark.timeout(240)
def test_a_colleague_is_invited_reads_changes_nothing_is_given_more_and_shown_out(
    mailed: Instance, watched: Watched, theirs: Watched, box: PostBox
) -> None:
    api = HttpApi(mailed.url)
    api.sign_in(EMAIL, PASSWORD)
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as app:
        api.finished(make_run(api, app.url, [("Is it?", "yes"), ("Is it not?", "no")], metric=CONTAINS))
    box.await_count(1)
    ada, dana = watched.page, theirs.page

    # Ada invites
    sign_in(watched, mailed)
    ada.locator("summary", has_text="Settings").click()
    ada.get_by_role("link", name="Members", exact=True).click()
    watched.audit("members")
    ada.get_by_role("button", name="Invite").click()
    dialog = ada.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill(DANA)
    dialog.get_by_label("Role").select_option("Viewer")
    dialog.get_by_role("button", name="Send invitation").click()
    expect(ada.get_by_text("the letter is on its way")).to_be_visible()
    watched.audit("members, with an invitation")

    # Dana follows the letter's link
    box.await_count(2)
    assert box.taken[-1].recipient == DANA
    dana.goto(link_in(box, "Join"))
    theirs.audit("an invitation")
    dana.get_by_label("Your name").fill("Dana")
    dana.get_by_label("Password").fill(PHRASE)
    dana.get_by_role("button", name="Create account and join").click()
    expect(dana.get_by_text("Welcome to Analytical")).to_be_visible()

    # and reads everything there is, with nothing to change
    project = re.findall(r"/p/[^/]+/", dana.url)[0]
    for name in ("Overview", "Runs", "Requirements", "Tests", "Test sets", "Metrics", "Gates", "Endpoints", "Reports"):
        dana.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
        expect(dana.locator("h1")).to_be_visible()
        assert offered(dana) == [], name
    dana.goto(f"{mailed.url}{project}runs/1")
    expect(dana.get_by_text("Is it not?")).to_be_visible()
    assert offered(dana) == []
    dana.get_by_role("link", name="Is it not?").click()
    expect(dana.get_by_text("Contains it").first).to_be_visible()
    dana.goto(f"{mailed.url}/settings/members")
    expect(dana.get_by_role("rowheader", name="Ada")).to_be_visible()
    assert offered(dana) == []
    theirs.audit("members, to a viewer")
    token = dana.locator("meta[name=csrf-token]").get_attribute("content")
    refused = dana.request.post(f"{mailed.url}/projects", form={"name": "Mine", "csrf_token": token or ""})
    assert refused.status == 403

    # Ada gives more; it acts at the next page
    ada.reload()
    ada.get_by_label("Role of Dana").select_option("Member")
    expect(ada.get_by_text("Dana is Member now")).to_be_visible()
    dana.goto(f"{mailed.url}{project}tests")
    assert offered(dana) != []

    # Dana forgets the password
    dana.locator("[popovertarget=m-user]").click()
    dana.get_by_role("link", name="Profile").click()
    theirs.audit("profile")
    dana.context.clear_cookies()
    dana.goto(f"{mailed.url}/login")
    dana.get_by_role("link", name="Forgotten?").click()
    theirs.audit("a forgotten password")
    dana.get_by_label("E-mail").fill(DANA)
    dana.get_by_role("button", name="Send the link").click()
    expect(dana.get_by_role("heading", name="Look into your mail")).to_be_visible()
    box.await_count(3)
    dana.goto(link_in(box, "Set a new password"))
    theirs.audit("a new password")
    dana.get_by_label("New password").fill(f"{PHRASE} again")
    dana.get_by_role("button", name="Set password").click()
    dana.get_by_label("E-mail").fill(DANA)
    dana.get_by_label("Password").fill(f"{PHRASE} again")
    dana.get_by_role("button", name="Sign in").click()
    dana.wait_for_url(re.compile("/p/"))

    # Ada hears of her run under the bell, and shows Dana out
    ada.get_by_role("link", name="Notifications, 1 unread").click()
    watched.audit("notifications")
    ada.get_by_role("button", name="Open").click()
    ada.wait_for_url(re.compile(r"/runs/1$"))
    expect(ada.get_by_role("link", name="Notifications", exact=True).first).to_be_visible()
    ada.goto(f"{mailed.url}/settings/members")
    ada.get_by_role("button", name="Remove Dana").click()
    ada.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(ada.get_by_text("Dana was removed")).to_be_visible()
    dana.reload()
    expect(dana.get_by_role("heading", name="Sign in")).to_be_visible()
    assert watched.said == []
