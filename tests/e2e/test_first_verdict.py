"""From a fresh start to a first verdict about somebody's own application, by pasting its curl."""

import re

from playwright.sync_api import expect

from tests.e2e.conftest import Instance, Watched
from tests.scripted_endpoint import ScriptedEndpoint, json_reply


class Counted:
    """Counts what a person does: opening, clicking, typing into a field."""

    def __init__(self, watched: Watched) -> None:
        self.page = watched.page
        self.count = 0

    def open(self, address: str) -> None:
        self.count += 1
        self.page.goto(address)

    def fill(self, label: str, text: str) -> None:
        self.count += 1
        self.page.get_by_label(label).fill(text)

    def click(self, name: str) -> None:
        self.count += 1
        self.page.get_by_role("button", name=name, exact=True).or_(
            self.page.get_by_role("link", name=name, exact=True)
        ).first.click()


def test_a_stranger_gets_a_first_verdict_in_at_most_twelve_interactions(instance: Instance, watched: Watched) -> None:
    link = instance.printed(r"first start: (\S+)")
    with ScriptedEndpoint(lambda call: json_reply({"answer": {"text": f"You said {call.json['q']}"}})) as app:
        curl = f"""curl {app.url} -H 'Content-Type: application/json' -d '{{"q": "Hello there"}}'"""
        does = Counted(watched)
        does.open(link)
        watched.audit("first start")
        does.fill("Your name", "Ada")
        does.fill("E-mail", "ada@example.org")
        does.fill("Password", "seven otters read maps")
        does.click("Create organization")
        watched.page.wait_for_url(re.compile(r"/p/"))
        watched.audit("empty project")
        does.click("Connect an endpoint")
        does.fill("Paste a curl that works", curl)
        does.click("Read it")
        expect(watched.page.get_by_text("Test call answered")).to_be_visible()
        watched.audit("workbench")
        does.click("Save")
        watched.page.wait_for_url(re.compile("quick-check"))
        watched.audit("quick check")
        does.fill("Ask", "How are you?")
        does.fill("The answer should contain", "how are you")
        does.click("Ask and judge")
        watched.page.wait_for_url(re.compile(r"/runs/\d+"))
        expect(watched.page.get_by_text("1 / 1 passed").first).to_be_visible()
        watched.audit("run")
    assert does.count <= 12
