"""The audit log as administrators read it: over the API, on its page, and as a file."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import Engine, text

from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.queries import ProjectView
from tests.people import Person, add_member


def actions(person: Person, query: str = "") -> list[str]:
    answer = person.api.get(f"/audit?limit=200{query}")
    assert answer.status_code == 200, answer.text
    return [entry["action"] for entry in answer.json]


def record(person: Person, action: str, kind: str, object_id: Any = None, **facts: Any) -> None:
    with person.scope() as scope, scope.atomic():
        scope.record(action, kind, object_id, **facts)


def test_an_entry_says_who_did_what_to_what_when_and_from_where(alice: Person, project: ProjectView) -> None:
    alice.api.patch(f"/projects/{project.id}", {"name": "Renamed"})
    entry = alice.api.get("/audit?limit=1").json[0]
    assert entry | {"id": "", "at": ""} == {
        "id": "",
        "at": "",
        "action": "project.update",
        "actor_kind": "token",
        "user_id": str(alice.actor.user_id),
        "actor_name": "Alice",
        "object_type": "project",
        "object_id": str(project.id),
        "object_name": None,
        "facts": {},
        "ip": "127.0.0.1",
        "seal_number": None,
    }
    assert datetime.now(UTC) - datetime.fromisoformat(entry["at"]) < timedelta(minutes=1)


def test_entries_are_narrowed_by_action_person_object_and_time(
    alice: Person, bob: Person, project: ProjectView
) -> None:
    record(bob, "project.update", "project", project.id)
    with alice.host.system_scope(alice.actor.organization_id) as scope, scope.atomic():
        scope.record("run.finish", "test_run", new_id(), number=7)
    assert actions(alice, "&action=run.finish") == ["run.finish"]
    assert actions(alice, f"&actor={bob.actor.user_id}") == ["project.update"]
    assert actions(alice, "&actor=system") == ["run.finish"]
    assert actions(alice, f"&object={project.id}") == ["project.update", "project.create"]
    assert actions(alice, "&object=test_run") == ["run.finish"]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert len(actions(alice, f"&from={quote((now - hour).isoformat())}&to={quote((now + hour).isoformat())}")) == 4
    assert actions(alice, f"&to={quote((now - hour).isoformat())}") == []
    assert actions(alice, f"&from={quote((now + hour).isoformat())}") == []


@pytest.mark.parametrize("query", ["action=x", "actor=nobody", "object=NO", "from=soon", "to=1", "who=me"])
def test_a_filter_that_says_nothing_is_refused(alice: Person, query: str) -> None:
    assert alice.api.get(f"/audit?{query}").status_code == 422


def test_pages_go_through_all_entries_once_also_those_of_one_moment(alice: Person, superuser: Engine) -> None:
    with alice.scope() as scope, scope.atomic():  # one transaction: all have the same time
        for number in range(25):
            scope.record("test.create", "test", new_id(), number=number)
    seen: list[str] = []
    path = "/audit?action=test.create&limit=10"
    while path:
        answer = alice.api.get(path)
        seen += [entry["id"] for entry in answer.json]
        following = [part for part in answer.headers.get("Link", "").split(", ") if part.endswith('rel="next"')]
        path = following[0].partition(">")[0][1:] if following else ""
    assert len(seen) == len(set(seen)) == 25
    assert seen == sorted(seen, reverse=True)
    assert alice.api.get("/audit?action=test.create&count=true&limit=1").headers["X-Total-Count"] == "25"


def test_only_administrators_read_it_and_only_their_own(alice: Person, bob: Person, charlie: Person) -> None:
    member, admin = add_member(alice, "mia", "Member"), add_member(alice, "ada", "Admin")
    record(charlie, "project.create", "project", new_id(), name="charlies own")
    for person in (bob, member):
        for path in ("/audit", "/audit/export"):
            assert person.api.get(path).status_code == 403
        for path in ("/settings/audit", "/settings/audit/export"):
            assert person.web.get(path).status_code == 403
        assert "/settings/audit" not in person.web.get("/settings/plugins").text
    for path in ("/api/v1/audit", "/api/v1/audit/export"):
        answer = admin.api.get(path)
        assert answer.status_code == 200
        assert "organization.found" in answer.text
        assert "charlies own" not in answer.text


def test_the_files_hold_what_is_filtered_and_no_spreadsheet_computes_them(alice: Person) -> None:
    for name in ("=1+1", "+1", "-1", "@x", "\t=1", "＝1", "plain"):
        record(alice, "metric.create", "metric", new_id(), name=name)
    with alice.scope() as scope, scope.atomic() as session:
        session.execute(text("UPDATE app_user SET name = '=HYPERLINK(1)' WHERE id = :id"), {"id": alice.actor.user_id})
    answer = alice.api.get("/audit/export?format=csv&action=metric.create")
    assert answer.headers["Content-Disposition"].endswith(".csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 7
    assert {row["actor_name"] for row in rows} == {"'=HYPERLINK(1)"}
    assert json.loads(rows[-1]["facts"]) == {"name": "=1+1"}
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "＝")) for row in rows for cell in row.values())
    lines = alice.api.get("/audit/export?action=metric.create").text.splitlines()
    assert [json.loads(line) for line in lines] == alice.api.get("/audit?action=metric.create").json
    same = alice.web.get("/settings/audit/export?format=csv&action=metric.create")
    assert same.text == answer.text


def test_the_page_says_it_in_words_and_leads_to_what_is_still_there(
    alice: Person, bob: Person, project: ProjectView
) -> None:
    alice.api.patch(f"/members/{bob.actor.user_id}", {"role": "Member"})
    record(alice, "metric.archive", "metric", new_id(), name="<b>gone</b>")
    record(alice, "device.verify_twice", "odd_kind", None, deep={"a": [1]})
    page = alice.web.get("/settings/audit").text
    assert "changed the role of Bob" in page
    assert f'made the project <a href="/p/{project.slug}/">Support Copilot</a>' in page
    assert "archived the metric “&lt;b&gt;gone&lt;/b&gt;”" in page
    assert "verified twice the odd kind" in page
    assert "Alice, by API token" in page
    assert "signed in" in page


def test_the_pages_filters_stand_in_its_address(alice: Person, project: ProjectView) -> None:
    today = datetime.now(UTC).date()
    narrowed = alice.web.get(
        f"/settings/audit?action=project.create&from={today}&to={today}&actor={alice.actor.user_id}"
    )
    assert narrowed.text.count('id="entry-') == 1
    assert "/settings/audit/export?format=csv&amp;action=project.create" in narrowed.text
    assert '<option value="project.create" selected>' in narrowed.text
    of_one = alice.web.get(f"/settings/audit?object={project.id}").text
    assert of_one.count('id="entry-') == 1
    assert "About one object" in of_one
    nothing = alice.web.get(f"/settings/audit?to={today - timedelta(days=1)}").text
    assert "No entry of the audit log fits these filters." in nothing
    for odd in ("from=9999-12-31&to=9999-12-31", "from=x&to=%00", "actor=x", "object=%F0%9F%98%80"):
        assert alice.web.get(f"/settings/audit?{odd}").status_code == 200


def test_the_page_has_keyset_pages(alice: Person) -> None:
    for _ in range(60):
        record(alice, "test.create", "test", new_id())
    first = alice.web.get("/settings/audit?action=test.create").text
    assert first.count('id="entry-') == 50
    onwards = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert parse_qs(urlsplit(onwards).query)["action"] == ["test.create"]
    second = alice.web.get(onwards).text
    assert second.count('id="entry-') == 10
