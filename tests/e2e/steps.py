"""What a person does on the pages, with script or without: every step clicks and types, and ends on the page it leads to."""

import re
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import EMAIL, PASSWORD


class Person:
    """Somebody at `page`; `project` is the address of the project they are in, once they have made one."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.project = ""

    def sign_in(self) -> None:
        """Through the login page."""
        self.page.goto(f"{self.origin}/login")
        self.page.get_by_label("E-mail").fill(EMAIL)
        self.page.get_by_label("Password").fill(PASSWORD)
        self._press("Sign in", lambda url: "/login" not in url)

    def make_project(self, name: str) -> None:
        """The first one on the empty page, another one from the switcher's menu."""
        self.page.goto(f"{self.origin}/")
        if (first := self.page.get_by_label("Name of the application")).is_visible():
            first.fill(name)
        else:
            self.page.locator("[popovertarget=m-project]").click()
            self.page.locator("#m-project").get_by_role("button", name="New project").click()
            self.page.get_by_role("dialog").get_by_label("Name").fill(name)
        self.page.get_by_role("button", name="Create project").filter(visible=True).click()
        self.page.wait_for_url(re.compile(r"/p/[^/]+/$"))
        self.project = self.page.url.rstrip("/")

    def connect_chat(self, name: str, url: str) -> None:
        """An endpoint that speaks the chat completions format, tried and saved."""
        self.page.goto(f"{self.project}/endpoints/new")
        self.page.get_by_role("link", name="Use OpenAI-compatible chat").click()
        self.page.get_by_role("textbox", name="Name", exact=True).fill(name)
        self.page.get_by_role("textbox", name="URL", exact=True).fill(url)
        self.page.get_by_label("Secret").fill("sk-of-nobody")
        self.page.get_by_role("button", name="Send a test call").click()
        expect(self.page.get_by_text("Test call answered")).to_be_visible()
        self._press("Save", re.compile("quick-check"))

    def make_metric(self, name: str, evaluator: str) -> None:
        """A metric of this evaluator as its form offers it."""
        self.page.goto(f"{self.project}/metrics/new")
        self.page.get_by_role("link", name=evaluator, exact=True).click()
        self.page.get_by_role("textbox", name="Name", exact=True).fill(name)
        self._press("Create metric", re.compile(r"/metrics/[0-9a-f-]{36}$"))

    def make_test_set(self, name: str, *, metric: str) -> None:
        """A test set of no tests yet that this metric judges."""
        self.page.goto(f"{self.project}/test-sets/new")
        self.page.get_by_role("textbox", name="Name", exact=True).fill(name)
        self.page.get_by_label(metric).check()
        self._press("Create test set", re.compile(r"/test-sets/[0-9a-f-]{36}$"))

    def import_tests(self, path: Path, count: int) -> None:
        """Looked at first, then confirmed."""
        self.page.goto(f"{self.project}/imports/new")
        self.page.get_by_label("File").set_input_files(path)
        self.page.get_by_role("button", name="Preview").click()
        expect(self.page.get_by_text(f"{count:,} tests ready")).to_be_visible()
        self._press(f"Import {count:,} tests", re.compile(r"/test-sets/[0-9a-f-]{36}$"))

    def start_run(self, *, test_set: str, metric: str) -> None:
        """Judged by this metric alone."""
        self.page.goto(f"{self.project}/runs/new")
        self.page.get_by_label("Test set").select_option(label=test_set)
        choose = self.page.get_by_role("button", name="Choose", exact=True)
        if choose.is_visible():
            choose.click()
        self.page.wait_for_url(re.compile("test_set="))
        chosen = self.page.get_by_role("checkbox", name=metric)
        if not chosen.is_visible():
            self.page.get_by_text("Choose other metrics for this run").click()
        chosen.check()
        self._press("Start the run", re.compile(r"/runs/\d+$"))

    def outcomes(self) -> list[tuple[str, str]]:
        """(prompt, outcome) of every result of the run that is open, page after page."""
        read: list[tuple[str, str]] = []
        for page in self._pages_of_results():
            rows = page.get_by_role("table", name="Results", exact=True).locator("tbody tr")
            words = [word.strip() for word in rows.locator("td:first-child").all_inner_texts()]
            read += zip(rows.locator(".row-link").all_inner_texts(), words, strict=True)
        return read

    def export(self, title: str) -> Path:
        """A file of the run that is open, through its menu."""
        self.page.get_by_role("button", name="Export this run").click()
        with self.page.expect_download() as waiting:
            self.page.get_by_role("link", name=title, exact=True).click()
        return waiting.value.path()

    def make_token(self, name: str) -> str:
        """An API token that may do what its maker may; its text, which is shown this once."""
        self.page.goto(f"{self.origin}/settings/tokens")
        self.page.get_by_role("button", name="New token").first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_role("radio", name="Everything Whatever").check()
        dialog.get_by_role("button", name="Create token").click()
        return self.page.locator("code.secret").inner_text()

    def _pages_of_results(self) -> Iterator[Page]:
        yield self.page
        while (following := self.page.get_by_role("link", name="Next", exact=True)).is_visible():
            address = following.get_attribute("href")
            following.click()
            self.page.wait_for_url(f"**{address}")
            yield self.page

    def _press(self, button: str, leads_to: object) -> None:
        self.page.get_by_role("button", name=button, exact=True).first.click()
        self.page.wait_for_url(leads_to)  # type: ignore[arg-type]
