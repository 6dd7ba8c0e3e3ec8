"""Scripts in every text of an organization, and every page of it in a browser: none of them runs, and the policy has nothing to stop."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import Engine

from tests.auth.rows import everything_of
from tests.e2e.conftest import Watched
from tests.pages.test_odd_forms import pages
from tests.people import Person
from tests.security.canaries import fill
from tests.served import served

RAN = "window.__ran = (window.__ran || 0) + 1"
SCRIPTS = (
    f"<script>{RAN}</script>", f"<img src=x onerror='{RAN}'>", f'"><svg onload="{RAN}">', f"'><body onload='{RAN}'>",
    f"</textarea><script>{RAN}</script>", f"</title><script>{RAN}</script>", f"</script><script>{RAN}</script>",
    f'" autofocus onfocus="{RAN}" x="', f"' onmouseover='{RAN}' x='", f'<a href="javascript:{RAN}">x</a>',
    f"[x](javascript:{RAN})", f'<iframe srcdoc="<script>parent.{RAN}</script>">', f"<details open ontoggle='{RAN}'>",
    f"<form action='javascript:{RAN}'><button>x", f"<math><mi xlink:href='javascript:{RAN}'>x", "<base href='//evil.example/'>",
    "<style>@import '//evil.example/x.css'</style>", "<link rel=stylesheet href='//evil.example/x.css'>",
    f"<input type=image src=x onerror='{RAN}'>", f"<div hx-get='/logout' hx-trigger='load' hx-on:load='{RAN}'>x</div>",
    f"<object data='javascript:{RAN}'>", f"<embed src='data:text/html,<script>{RAN}</script>'>", "<!--", "]]>",
    f"\\u003cscript\\u003e{RAN}\\u003c/script\\u003e", f"&lt;script&gt;{RAN}&lt;/script&gt;", f"<ScRiPt >{RAN}</sCrIpT>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>", f"<video><source onerror='{RAN}'>", "<template><slot>",
)  # fmt: skip


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where the tests' own application answers a browser."""
    with served(app) as url:
        yield url


@pytest.fixture
def signed_in(browser: Browser, address: str, charlie: Person) -> Iterator[Watched]:
    """A browser where Charlie is signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    cookie = charlie.web._client.get_cookie("rhesis")
    assert cookie is not None
    context.add_cookies([{"name": "rhesis", "value": cookie.value, "url": address}])
    yield Watched(context)
    context.close()


@pytest.mark.timeout(300)
def test_no_script_of_a_text_runs_on_any_page(
    app: Flask,
    charlie: Person,
    superuser: Engine,
    address: str,
    signed_in: Watched,
    figure: Callable[..., None],
) -> None:
    mine = everything_of(charlie)
    everything = " ".join(SCRIPTS)
    fill(superuser, charlie.actor.organization_id, lambda _name: everything)
    page, ran, elsewhere, asked = signed_in.page, [], [], []
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: elsewhere.append(request.url) if not request.url.startswith(address) else None)
    for path in sorted(pages(app, mine)):
        answer = charlie.web.get(path)
        if not answer.content_type.startswith("text/html") or "attachment" in answer.headers.get(
            "Content-Disposition", ""
        ):
            continue
        asked.append(path)
        page.goto(address + path, wait_until="load")
        if page.evaluate("window.__ran") or page.evaluate(
            "document.querySelectorAll('[href^=\"javascript:\" i]').length"
        ):
            ran.append(path)
    violations = [
        said for said in signed_in.said if "Content Security Policy" in said or "Content-Security-Policy" in said
    ]
    how = f"{len(SCRIPTS)} scripts in every text of an organization, each page of it opened in Chromium"
    figure("scripts/pages opened", len(asked), "≥ 50", len(asked) >= 50, how)
    figure("scripts/scripts run", len(ran), "= 0", not ran, how)
    figure("scripts/violations of the policy", len(violations), "= 0", not violations, "on the console meanwhile")
    figure("scripts/requests to elsewhere", len(elsewhere), "= 0", not elsewhere, "of the pages meanwhile")
    assert (ran, violations, elsewhere) == ([], [], [])


def test_a_script_that_does_run_is_seen(signed_in: Watched, address: str) -> None:
    """Otherwise the test above would pass on a browser that nobody listens to."""
    signed_in.page.goto(f"{address}/health")
    signed_in.page.set_content(f"<script>{RAN}</script>")
    signed_in.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.__ran = 5\">')")
    signed_in.page.wait_for_timeout(200)
    assert any("Content Security Policy" in said for said in signed_in.said) or signed_in.page.evaluate("window.__ran")


@pytest.mark.timeout(120)
def test_no_script_runs_in_an_exported_page(
    charlie: Person, superuser: Engine, browser: Browser, figure: Callable[..., None]
) -> None:
    """The printable report is opened from a disk, where no policy of ours is."""
    mine = everything_of(charlie)
    fill(superuser, charlie.actor.organization_id, lambda _name: " ".join(SCRIPTS))
    answer = charlie.api.get(f"/test-runs/{mine.ids['run_id']}/export?format=html.run")
    assert answer.status_code == 200
    context = browser.new_context()
    page = context.new_page()
    page.set_content(answer.text, wait_until="load")
    ran = page.evaluate("window.__ran") or 0
    context.close()
    figure("scripts/scripts run in an exported page", ran, "= 0", ran == 0, "the printable report, without any policy")
