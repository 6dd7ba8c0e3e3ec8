"""The audit log in a browser, on a real instance: a failed sign-in is there, filters send themselves, details unfold, a file comes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import EMAIL, Instance, Watched
from tests.e2e.steps import Person


@pytest.mark.timeout(240)
def test_an_administrator_finds_who_did_what(owned: Instance, watched: Watched, tmp_path: Path) -> None:
    page, person = watched.page, Person(watched.page, owned.url)
    guess = {"email": EMAIL, "password": "not the password of hers"}
    assert page.request.post(f"{owned.url}/api/v1/auth/login", data=guess).status == 401
    person.sign_in()
    person.make_project("Audited")

    page.goto(f"{owned.url}/settings/audit")
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="failed to sign in as")).to_have_count(1)
    expect(rows.filter(has_text="signed in")).not_to_have_count(0)
    watched.audit("the audit log")
    page.get_by_label("Action", exact=True).select_option("project.create")
    page.wait_for_url("**/settings/audit?action=project.create")
    made = rows.filter(has=page.get_by_role("link", name="Audited"))
    made.get_by_text("Details").click()
    expect(made.get_by_text("Not sealed yet")).to_be_visible()
    watched.audit("an entry with its details")
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON Lines").click()
    download.value.save_as(tmp_path / "audit.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text("utf-8").splitlines()]
    assert {line["action"] for line in lines} == {"project.create"}
    made.get_by_role("link", name="All about this").click()
    expect(page.get_by_role("link", name="About one object")).to_be_visible()
    expect(rows).to_have_count(1)

    told = subprocess.run(
        [sys.executable, "-m", "rhesis_app.cli", "audit", "verify"],
        env=os.environ | {"RHESIS_DATA": str(owned.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("ok   ")
