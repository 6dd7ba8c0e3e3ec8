"""What a page offers may be done: over a filled organization, nothing that a viewer sees leads to a refusal."""

import re
from collections.abc import Collection, Iterable, Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.exceptions import HTTPException

from rhesis_app.auth.guard import PUBLIC
from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission
from rhesis_app.projects.actions import create_project
from rhesis_app.tenancy.models import Organization
from rhesis_app.web.access import access_of
from tests.auth.rows import Theirs, everything_of
from tests.pages.test_odd_forms import pages
from tests.people import Person, add_member

# what asks a server for something, and by which method
_ASKS = {"hx-get": "GET", "hx-post": "POST", "hx-put": "PUT", "hx-patch": "PATCH", "hx-delete": "DELETE"}


class Offers(HTMLParser):
    """(method, address) of everything on a page that leads somewhere when it is clicked, sent or shown."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.add((given.get("method", "get").upper(), given.get("action", "")))
        if tag == "a" and "href" in given:
            self.found.add(("GET", given["href"]))
        if "formaction" in given:
            self.found.add((given.get("formmethod", "post").upper(), given["formaction"]))
        self.found |= {(method, given[name]) for name, method in _ASKS.items() if name in given}


def offers(html: str, page: str) -> Iterator[tuple[str, str]]:
    """Those of this instance, with their path alone."""
    for method, address in sorted(Offers(html).found):
        parts = urlsplit(address)
        if not parts.scheme and not parts.netloc and not address.startswith("#"):
            yield method, parts.path or urlsplit(page).path


def needed(app: Flask, method: str, path: str) -> Permission | None:
    """The permission that the rule behind an address needs; None where everybody may who is signed in."""
    try:
        endpoint, _ = app.url_map.bind("localhost").match(path, method=method)
    except HTTPException as error:
        raise AssertionError(f"{method} {path} leads nowhere: {error}") from error
    if endpoint in PUBLIC:
        return None
    access = access_of(app, endpoint, method)
    assert access is not None, f"{endpoint} is closed to everybody"
    return access.permission


@pytest.fixture
def filled(charlie: Person) -> Theirs:
    """One of everything, of Charlie's, whose organization also is a demonstration."""
    with charlie.scope() as scope, scope.atomic() as session:
        session.execute(
            update(Organization).where(Organization.id == charlie.actor.organization_id).values(settings={"demo": True})
        )
    return everything_of(charlie)


def refused_offers(
    app: Flask, person: Person, may: Collection[str], addresses: Iterable[str]
) -> tuple[list[str], int, int]:
    """What these pages offer somebody who may do this and that would be refused; how much they offer, and how many could be opened."""
    refused, seen, opened = [], 0, 0
    for page in addresses:
        answer = person.web.get(page)
        if answer.status_code == 403:
            continue  # that nothing leads there is looked at where it would
        assert answer.status_code < 500, page
        opened += 1
        if not answer.content_type.startswith("text/html"):
            continue
        for method, path in offers(answer.text, page):
            seen += 1
            permission = needed(app, method, path)
            if permission is not None and permission not in may:
                refused.append(f"{page} offers {method} {path}, which needs {permission}")
    return sorted({re.sub(r"[0-9a-f-]{36}", "…", one) for one in refused}), seen, opened


@pytest.mark.parametrize("role", ["Viewer", "Member", "Admin"])
def test_no_page_offers_what_would_be_refused(app: Flask, charlie: Person, filled: Theirs, role: str) -> None:
    somebody = add_member(charlie, "dana", role)
    refused, seen, opened = refused_offers(app, somebody, BUILT_IN_ROLES[role], pages(app, filled))
    assert refused == []
    assert opened > 25
    assert seen > 400


@pytest.mark.parametrize("role", ["Viewer", "Member"])
def test_nor_where_nothing_is_yet(app: Flask, charlie: Person, role: str) -> None:
    """Empty lists offer a next step, to those who may take it; without any project, and in an empty one."""
    somebody = add_member(charlie, "dana", role)
    assert refused_offers(app, somebody, BUILT_IN_ROLES[role], ["/"])[0] == []
    with charlie.scope() as scope:
        slug = create_project(scope, "Empty").slug
    refused, _, opened = refused_offers(app, somebody, BUILT_IN_ROLES[role], pages(app, Theirs({"slug": slug})))
    assert refused == []
    assert opened > 15


@pytest.mark.parametrize("role", ["Viewer", "Member"])
def test_nor_of_a_run_that_goes_on_and_of_what_is_archived(
    app: Flask, charlie: Person, filled: Theirs, role: str
) -> None:
    somebody, ids = add_member(charlie, "dana", role), filled.ids
    started = charlie.api.post(f"/test-sets/{ids['test_set_id']}/runs", {"endpoint_id": str(ids["endpoint_id"])})
    assert started.status_code == 202, started.text
    going_on = Theirs({**ids, "run_id": started.json["id"], "number": started.json["number"]})
    refused, _, opened = refused_offers(app, somebody, BUILT_IN_ROLES[role], pages(app, going_on))
    assert (refused, opened > 25) == ([], True)
    for kind in ("test_id", "test_set_id", "metric_id", "requirement_id", "gate_id", "endpoint_id"):
        path = f"/{kind.removesuffix('_id').replace('_', '-')}s/{ids[kind]}"
        assert charlie.api.delete(path).status_code == 200, path
    refused, _, opened = refused_offers(app, somebody, BUILT_IN_ROLES[role], pages(app, filled))
    assert (refused, opened > 25) == ([], True)


def test_an_owner_is_offered_what_a_viewer_is_not(app: Flask, charlie: Person, filled: Theirs) -> None:
    """Otherwise the test above would pass on pages that offer nothing to anybody."""
    viewer = add_member(charlie, "dana", "Viewer")

    def kinds(person: Person) -> set[Permission | None]:
        htmls = [(page, person.web.get(page)) for page in pages(app, filled)]
        return {
            needed(app, method, path)
            for page, answer in htmls
            if answer.content_type.startswith("text/html") and answer.status_code == 200
            for method, path in offers(answer.text, page)
        }

    offered = kinds(charlie)
    assert {
        Permission.ORGANIZATION_DELETE,
        Permission.TEST_WRITE,
        Permission.RUN_EXECUTE,
        Permission.MEMBER_MANAGE,
        Permission.GATE_MANAGE,
    } <= offered
    assert kinds(viewer) < offered


# pages of the organization that show what somebody may read of single projects
READ_HERE = ("/settings/jobs", "/settings/recycle-bin")


def test_nor_to_a_guest_of_one_project(app: Flask, charlie: Person, filled: Theirs) -> None:
    """Somebody who is a Member in the project and nothing across the organization: each link they see opens."""
    charlie.api.post("/roles", {"name": "Guest", "permissions": []})
    guest = add_member(charlie, "dana", "Viewer")
    assert charlie.api.patch(f"/members/{guest.actor.user_id}", {"role": "Guest"}).status_code == 200
    member = {"user_id": str(guest.actor.user_id), "role": "Member"}
    assert charlie.api.post(f"/projects/{filled.ids['project_id']}/members", member).status_code == 201
    here, linked, sent = BUILT_IN_ROLES["Member"], set(), set()
    for page in pages(app, filled):
        answer = guest.web.get(page)
        if answer.status_code != 200 or not answer.content_type.startswith("text/html"):
            continue
        for method, path in offers(answer.text, page):
            (linked if method == "GET" else sent).add(path)
            permission = needed(app, method, path)
            assert permission is None or permission in here, f"{page} offers {method} {path}"
            assert permission is None or path.startswith(("/p/", *READ_HERE)), f"{page} offers {method} {path}"
    assert [path for path in sorted(linked) if guest.web.get(path).status_code == 403] == []
    assert len(linked) > 40
    assert len(sent) > 30


@pytest.mark.parametrize(
    "may",
    [
        {"project:read", "run:read", "review:write"},
        {"project:read", "test:read", "test_set:read", "test:write"},
        {"project:read", "endpoint:read", "metric:read"},
    ],
    ids=lambda may: "+".join(sorted(may)),
)
def test_nor_to_a_narrow_role_of_the_organizations_own(
    app: Flask, charlie: Person, filled: Theirs, may: set[str]
) -> None:
    """What others may read is named, and not linked."""
    assert charlie.api.post("/roles", {"name": "Narrow", "permissions": sorted(may)}).status_code == 201
    somebody = add_member(charlie, "dana", "Viewer")
    assert charlie.api.patch(f"/members/{somebody.actor.user_id}", {"role": "Narrow"}).status_code == 200
    refused, seen, opened = refused_offers(app, somebody, may, pages(app, filled))
    assert refused == []
    assert seen > 100
    assert opened > 5
