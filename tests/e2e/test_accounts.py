"""An account from its registration to its end, in a browser: letters, a second factor, another address, and the operator's help."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import EMAIL, Instance, Watched, make_owner, running
from tests.smtp import PostBox, post_box

DANA, ELSEWHERE, PHRASE = "dana@example.org", "dana@elsewhere.example", "words that Dana chose"


@pytest.fixture(scope="module")
def box() -> Iterator[PostBox]:
    """The mail server of the instance."""
    with post_box() as box:
        yield box


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory, box: PostBox) -> Iterator[Instance]:
    """An instance with a mail server where anybody may register."""
    env = {
        "RHESIS_SMTP_URL": box.url,
        "RHESIS_MAIL_FROM": "Rhesis App <rhesis@example.org>",
        "RHESIS_OPEN_REGISTRATION": "1",
    }
    with running(tmp_path_factory.mktemp("accounts") / "data", env=env) as started:
        make_owner(started)
        yield started


def link_in(box: PostBox, words: str) -> str:
    return re.findall(rf"{words}: (\S+)", box.taken[-1].text)[0]


def account(instance: Instance, *words: str) -> "subprocess.CompletedProcess[str]":
    """`rhesis-app account`, beside the instance."""
    environment = {**os.environ, "RHESIS_DATA": str(instance.data)}
    command = [sys.executable, "-m", "rhesis_app.cli", "account", *words]
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True)


def type_password(watched: Watched, email: str) -> None:
    page = watched.page
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PHRASE)
    page.get_by_role("button", name="Sign in").click()


def register(watched: Watched, instance: Instance, box: PostBox) -> None:
    page = watched.page
    page.goto(f"{instance.url}/login")
    page.get_by_role("link", name="Register").click()
    watched.audit("registering")
    for label, value in (("Organization", "Dana's"), ("Your name", "Dana"), ("E-mail", DANA), ("Password", PHRASE)):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    watched.audit("registered")
    box.await_count(1)
    page.goto(link_in(box, "Finish the registration"))
    watched.audit("finishing")
    page.get_by_label("Password").fill(PHRASE)
    page.get_by_role("button", name="Create the account").click()
    page.wait_for_url(re.compile("/p/"))


def set_up_second_factor(watched: Watched) -> list[str]:
    """On, with an app; the recovery codes."""
    page = watched.page
    page.locator("[popovertarget=m-user]").click()
    page.get_by_role("link", name="Profile").click()
    watched.audit("profile")
    page.get_by_role("link", name="Set it up").click()
    watched.audit("no second factor")
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    watched.audit("a second factor to confirm")
    secret = page.locator("code.secret").inner_text()
    page.get_by_label("Password").fill(PHRASE)
    page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Keep your recovery codes")).to_be_visible()
    watched.audit("recovery codes")
    codes = page.locator("pre").inner_text().split()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("link", name="Manage").click()
    watched.audit("a second factor")
    return codes


@pytest.mark.timeout(480)
def test_an_account_from_its_registration_to_its_end(open_to_all: Instance, watched: Watched, box: PostBox) -> None:
    page = watched.page
    register(watched, open_to_all, box)
    codes = set_up_second_factor(watched)

    # every session ends, and the password alone does not open another one
    page.goto(f"{open_to_all.url}/settings/profile")
    page.get_by_role("button", name="End all", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="End all").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    type_password(watched, DANA)
    expect(page.get_by_role("heading", name="Enter a code")).to_be_visible()
    watched.audit("the second step")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/p/"))

    # another address
    page.goto(f"{open_to_all.url}/settings/profile/email")
    watched.audit("the address")
    page.get_by_label("New e-mail address").fill(ELSEWHERE)
    page.get_by_label("Password").fill(PHRASE)
    page.get_by_label("Code").fill(codes[1])
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text(f"on its way to {ELSEWHERE}")).to_be_visible()
    box.await_count(2)
    page.goto(link_in(box, "Confirm the address"))
    watched.audit("another address")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text(f"Your address {ELSEWHERE} is confirmed")).to_be_visible()
    box.await_count(3)
    assert (box.taken[-1].recipient, ELSEWHERE in box.taken[-1].text) == (DANA, True)

    # a last owner stays; whoever runs the server helps with a lost app
    page.get_by_role("link", name="Deactivate").click()
    expect(page.get_by_text("You are the last owner of Dana's")).to_be_visible()
    watched.audit("a last owner")
    done = account(open_to_all, "second-factor-off", ELSEWHERE)
    assert (done.returncode, "password alone" in done.stdout) == (0, True)
    page.context.clear_cookies()
    page.goto(f"{open_to_all.url}/login")
    type_password(watched, ELSEWHERE)
    page.wait_for_url(re.compile("/p/"))
    assert watched.said == []


@pytest.mark.timeout(120)
def test_the_operators_commands_say_what_they_cannot_do(open_to_all: Instance) -> None:
    for words, said in (
        (("activate", EMAIL), "is not deactivated"),
        (("activate", "nobody@example.org"), "Nobody is registered"),
        (("second-factor-off", EMAIL), "is off"),
        (("email-link", EMAIL, "--to", "none"), "Give an e-mail address"),
    ):
        refused = account(open_to_all, *words)
        assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
    made = account(open_to_all, "email-link", EMAIL, "--url", open_to_all.url)
    assert made.stdout.startswith(f"{open_to_all.url}/settings/profile/email/")
