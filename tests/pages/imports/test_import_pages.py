"""Pages of imports: choose a file, look at what it becomes, confirm; all of it without script."""

import io
import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from rhesis_app.authoring.actions import imports as actions
from rhesis_app.authoring.models import Test, TestSet
from rhesis_app.projects.queries import ProjectView
from tests.background import do_jobs
from tests.people import Person

TABLE = b"Question,Answer,topic\nWhere?,There,a\n,nobody,b\n"


def upload(person: Person, project: ProjectView, content: bytes = TABLE, **more: Any) -> TestResponse:
    return person.web.post(f"/p/{project.slug}/imports", {"file": (io.BytesIO(content), "orders.csv"), **more})


def test_a_file_is_looked_at_and_confirmed(alice: Person, project: ProjectView) -> None:
    here = upload(alice, project).headers["Location"]
    page = alice.web.get(here).text
    assert "1 test ready" in page
    assert "1 row left out" in page
    assert "The prompt is empty" in page
    assert alice.count(Test) == 0
    done = alice.web.post(here, {"test_set_name": "orders", "then": "confirm"})
    assert done.status_code == 303
    assert "Where?" in alice.web.get(done.headers["Location"]).text
    assert alice.web.get(here).headers["Location"] == done.headers["Location"]
    assert alice.web.post(here, {"test_set_name": "again", "then": "confirm"}).status_code == 303
    assert alice.count(TestSet) == 1


def test_columns_are_mapped_by_hand(alice: Person, project: ProjectView) -> None:
    here = upload(alice, project, b"foo,bar\nWhy?,Because\n").headers["Location"]
    page = alice.web.get(here).text
    assert "No column is recognised as the prompt" in page
    assert "disabled" in page
    typed = {"test_set_name": "Mapped", "column-0": "prompt", "column-1": "expected", "then": "look"}
    assert alice.web.post(here, typed).headers["Location"] == here
    page = alice.web.get(here).text
    assert "1 test ready" in page
    assert 'value="Mapped"' in page
    assert '<option value="expected" selected>' in page


def test_a_taken_name_is_said_where_it_is_typed(alice: Person, project: ProjectView) -> None:
    alice.api.post("/test-sets", {"project_id": str(project.id), "name": "Taken"})
    here = upload(alice, project).headers["Location"]
    answer = alice.web.post(here, {"test_set_name": "Taken", "then": "confirm"})
    assert answer.status_code == 409
    assert "“Taken 2”" in answer.text
    assert 'value="Taken"' in answer.text
    assert alice.count(Test) == 0


def test_columns_that_cannot_be_meant_are_said(alice: Person, project: ProjectView) -> None:
    here = upload(alice, project).headers["Location"]
    answer = alice.web.post(here, {"test_set_name": "x", "column-0": "expected", "column-1": "expected"})
    assert answer.status_code == 422
    assert "Two columns are mapped to expected" in answer.text


def test_a_file_that_cannot_be_read_is_said_at_the_field(alice: Person, project: ProjectView) -> None:
    for content, said in ((b"", "empty"), (b"PK\x03\x04", "spreadsheet"), (b"prompt\n\xff\n", "UTF-8")):
        answer = upload(alice, project, content, test_set_name="Kept")
        assert answer.status_code == 422
        assert said in answer.text
        assert 'value="Kept"' in answer.text
    assert "Choose a file first" in alice.web.post(f"/p/{project.slug}/imports", {}).text


def test_text_of_a_file_is_shown_escaped(alice: Person, project: ProjectView) -> None:
    here = upload(alice, project, b"prompt,<i>x</i>\n<script>alert(1)</script>,2\n").headers["Location"]
    page = alice.web.get(here).text
    assert "<script>alert" not in page
    assert "<i>x</i>" not in page


def test_readers_and_strangers_cannot_import(alice: Person, bob: Person, charlie: Person, project: ProjectView) -> None:
    here = upload(alice, project).headers["Location"]
    for path in (here, f"/p/{project.slug}/imports/new"):
        assert bob.web.get(path).status_code == 403
        assert charlie.web.get(path).status_code == 404
    for person, status in ((bob, 403), (charlie, 404)):
        assert upload(person, project).status_code == status
        assert person.web.post(here, {"test_set_name": "x", "then": "confirm"}).status_code == status
    assert alice.count(Test) == 0


def test_an_import_of_another_project_is_not_found(alice: Person, project: ProjectView) -> None:
    other = alice.api.post("/projects", {"name": "Other"}).json
    here = upload(alice, project).headers["Location"]
    assert alice.web.get(here.replace(project.slug, other["slug"])).status_code == 404


def many(count: int) -> bytes:
    return b"prompt,expected\n" + b"".join(b"Question %d?,Answer %d\n" % (n, n) for n in range(count))


def test_a_large_file_is_taken_over_in_the_background(
    alice: Person, project: ProjectView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "IN_BACKGROUND", 3)
    here = upload(alice, project, many(4)).headers["Location"]
    assert alice.web.post(here, {"test_set_name": "Large", "then": "confirm"}).headers["Location"] == here
    page = alice.web.get(here).text
    assert "Waiting for a worker" in page
    watching = re.findall(r'hx-get="([^"]+)"', page)[0].replace("&amp;", "&")
    assert alice.web.get(watching).status_code == 204
    assert alice.web.post(here, {"test_set_name": "Other", "then": "look"}).status_code == 409
    assert alice.count(Test) == 0
    do_jobs(alice)
    done = alice.web.get(watching, headers={"HX-Request": "true"})
    assert done.headers["HX-Redirect"] == here
    assert alice.web.get(here).headers["Location"].startswith("/p/support-copilot/test-sets/")
    assert alice.count(Test) == 4


def test_why_a_large_import_failed_stands_on_its_page(
    alice: Person, project: ProjectView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "IN_BACKGROUND", 3)
    here = upload(alice, project, many(4)).headers["Location"]
    alice.web.post(here, {"test_set_name": "Large", "then": "confirm"})
    alice.api.post("/test-sets", {"project_id": str(project.id), "name": "Large"})
    do_jobs(alice)
    assert alice.count(Test) == 0
    page = alice.web.get(here).text
    assert "There is a test set “Large” already." in page
    alice.web.post(here, {"test_set_name": "Larger", "then": "confirm"})
    do_jobs(alice)
    assert alice.count(Test) == 4


def test_a_cancelled_import_makes_nothing_and_can_be_asked_for_again(
    alice: Person, project: ProjectView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "IN_BACKGROUND", 3)
    here = upload(alice, project, many(4)).headers["Location"]
    alice.web.post(here, {"test_set_name": "Large", "then": "confirm"})
    job = alice.api.get("/jobs?kind=imports.confirm").json[0]
    assert alice.web.post(f"/settings/jobs/{job['id']}/cancel").status_code == 303
    assert "Import 4 tests" in alice.web.get(here).text
    assert alice.web.post(here, {"test_set_name": "Large", "then": "confirm"}).status_code == 303
    assert do_jobs(alice) == 1
    assert alice.count(Test) == 4
