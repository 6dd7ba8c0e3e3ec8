"""An organization's archive is made in the background, offered for a while, and for owners alone."""

import hashlib
import io
import re
import zipfile

from flask import Flask
from sqlalchemy import text

from rhesis_app.infra.runtime import Runtime
from rhesis_app.retention.rules.archive import MANIFEST
from tests.background import do_jobs
from tests.people import ApiClient, Person, add_member


def test_an_archive_is_made_in_the_background_and_downloaded(alice: Person) -> None:
    asked = alice.api.post("/archives")
    assert asked.status_code == 202, asked.text
    assert asked.json["status"] == "queued"
    address = asked.headers["Location"]
    assert alice.api.get(f"{address}/file").status_code == 409
    assert alice.api.post("/archives").status_code == 409
    do_jobs(alice, "retention.export")
    made = alice.api.get(address).json
    assert (made["status"], made["progress"]) == ("done", 100)
    answer = alice.api.get(f"{address}/file")
    assert answer.headers["Content-Type"] == "application/zip"
    assert made["file_name"] in answer.headers["Content-Disposition"]
    assert len(answer.data) == made["bytes"]
    assert hashlib.sha256(answer.data).hexdigest() == made["sha256"]
    assert MANIFEST in zipfile.ZipFile(io.BytesIO(answer.data)).namelist()
    assert [one["id"] for one in alice.api.get("/archives").json] == [made["id"]]
    assert alice.api.call("DELETE", address).status_code == 204
    assert alice.api.get(address).status_code == 404


def test_an_archive_goes_when_its_time_is_over(alice: Person, host: Runtime) -> None:
    address = alice.api.post("/archives").headers["Location"]
    do_jobs(alice, "retention.export")
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(text("UPDATE archive SET expires_at = now() - interval '1 minute'"))
    assert alice.api.get(address).status_code == 404
    host.ask("SELECT sweep_expired()")
    with alice.scope() as scope:
        assert scope.session.scalar(text("SELECT count(*) FROM archive_chunk")) == 0


def test_only_owners_take_an_archive(alice: Person, app: Flask) -> None:
    admin = add_member(alice, "adam", "Admin")
    address = alice.api.post("/archives").headers["Location"]
    for person in (admin, add_member(alice, "mia", "Member")):
        api: ApiClient = person.api
        assert api.post("/archives").status_code == 403
        assert api.get("/archives").status_code == 403
        assert api.get(f"{address}/file").status_code == 403
        assert person.web.get("/settings/data").status_code == 403
        assert "/settings/data" not in person.web.get("/settings/recycle-bin").text


def test_the_page_makes_offers_and_deletes(alice: Person) -> None:
    web = alice.web
    assert "import-organization" in web.get("/settings/data").text
    assert web.post("/settings/data/archives").headers["Location"] == "/settings/data"
    page = web.get("/settings/data").text
    assert "The archive is being written." in page
    assert 'hx-get="/settings/data/progress' in page
    do_jobs(alice, "retention.export")
    page = web.get("/settings/data").text
    (download,) = set(re.findall(r'href="(/settings/data/archives/[^"]+/file)"', page))
    assert web.get(download).data[:2] == b"PK"
    seen = web.get("/settings/data/progress").text
    assert "Ready" in seen
    assert web.post(download.replace("/file", "/delete")).status_code == 303
    assert download not in web.get("/settings/data").text
