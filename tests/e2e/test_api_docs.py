"""The page to try the API on: it loads under its content security policy, takes a token, and shows what the API answers."""

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import Instance, Watched
from tests.e2e.steps import Person


@pytest.mark.timeout(180)
def test_a_stranger_to_the_api_authorizes_and_asks_on_its_page(owned: Instance, watched: Watched) -> None:
    person, page = Person(watched.page, owned.url), watched.page
    person.sign_in()
    secret = person.make_token("Trying the API")
    # the page must do without the session's cookie: what it sends is the token
    watched.context.clear_cookies()
    page.set_viewport_size({"width": 1280, "height": 5000})  # only what is in the window is drawn
    answer = page.goto(f"{owned.url}/api/docs")
    assert answer is not None
    assert answer.status == 200
    assert "script-src 'nonce-" in answer.headers["content-security-policy"]
    expect(page.get_by_role("heading", name="Rhesis App")).to_be_visible()
    asking = operation(watched, "/api/v1/me")
    assert asked(asking) == "401"
    assert "application/problem+json" in asking.locator(".live-responses-table").inner_text()
    # Chromium itself notes a 401 in the console; nothing else may stand there
    assert [said for said in watched.said if "401 (UNAUTHORIZED)" not in said] == []
    watched.said.clear()
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".dialog-ux")
    dialog.locator("input").fill(secret)
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").last.click()
    assert asked(asking) == "200"
    expect(asking.locator(".live-responses-table")).to_contain_text('"kind": "token"')
    assert watched.said == []


def operation(watched: Watched, path: str) -> Locator:
    """The GET of this path, opened and ready to be sent."""
    found = watched.page.locator(".opblock-get").filter(has=watched.page.locator(f'[data-path="{path}"]'))
    found.locator(".opblock-summary").click()
    found.get_by_role("button", name="Try it out").click()
    return found


def asked(found: Locator) -> str:
    """Send it; the status that came back."""
    with found.page.expect_response(lambda answer: "/api/v1/" in answer.url):
        found.get_by_role("button", name="Execute").click()
    expect(found.locator(".loading-container")).to_have_count(0)
    return found.locator(".live-responses-table .response-col_status").last.inner_text().split()[0]
