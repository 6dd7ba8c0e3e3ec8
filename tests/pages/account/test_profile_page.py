"""The profile, the organizations and the bell, as pages."""

import re

from rhesis_app.kernel.ids import new_id
from rhesis_app.notifications.models import Notification
from tests.pages.forms_in import forms_in
from tests.people import PASSWORD, Person, signed_in

PROFILE = "/settings/profile"


def told(person: Person, count: int = 1) -> None:
    with person.scope() as scope, scope.atomic() as session:
        for number in range(count):
            session.add(
                Notification(
                    user_id=person.actor.user_id,
                    event="report.ready",
                    event_id=new_id(),
                    title=f"Report {number} is <ready>",
                    link="/settings/jobs",
                )
            )


def test_the_profile_is_saved(bob: Person) -> None:
    answer = bob.web.post(PROFILE, {"name": "Robert", "theme": "dark"})
    assert answer.headers["Location"] == PROFILE
    page = bob.web.get(PROFILE).text
    assert "Your profile was saved" in page
    assert 'data-theme="dark"' in page
    assert 'value="Robert"' in page


def test_a_name_that_is_none_is_said_at_its_field(bob: Person) -> None:
    answer = bob.web.post(PROFILE, {"name": " ", "theme": "dark"})
    assert answer.status_code == 422
    assert "at most 200 characters" in answer.text
    assert 'data-theme="auto"' in bob.web.get(PROFILE).text


def test_the_password_is_changed_and_the_browser_stays_signed_in(alice: Person) -> None:
    other = signed_in(alice.app, alice.email)
    wrong = alice.web.post(f"{PROFILE}/password", {"current_password": "no", "new_password": "quite another one"})
    assert (wrong.status_code, "not your password" in wrong.text) == (422, True)
    body = {"current_password": PASSWORD, "new_password": "quite another one"}
    assert alice.web.post(f"{PROFILE}/password", body).headers["Location"] == PROFILE
    assert "Every other session has ended" in alice.web.get(PROFILE).text
    assert other.get("/me").status_code == 401


def test_sessions_are_ended_one_by_one_or_all(alice: Person) -> None:
    first, second = signed_in(alice.app, alice.email), signed_in(alice.app, alice.email)
    page = alice.web.get(PROFILE).text
    assert page.count("This one") == 1
    ends = [form.action for form in forms_in(page) if form.action.endswith("/end")]
    assert len(ends) == 2
    alice.web.post(ends[0])
    assert {first.get("/me").status_code, second.get("/me").status_code} == {200, 401}
    alice.web.post(f"{PROFILE}/sessions/end-others")
    assert {first.get("/me").status_code, second.get("/me").status_code} == {401}
    assert "1 other session has ended" in alice.web.get(PROFILE).text


def test_an_organization_is_made_renamed_and_left(alice: Person, bob: Person) -> None:
    assert alice.web.post("/organizations", {"name": " "}).status_code == 422
    assert bob.web.post("/organizations", {"name": "Bob's own"}).headers["Location"] == "/"
    page = bob.web.get("/organizations").text
    assert page.count("Switch</button>") == 1
    settings = bob.web.get("/settings/organization").text
    rename = next(form for form in forms_in(settings) if form.action.endswith("/name"))
    bob.web.post(rename.action, {**rename.fields, "name": "Better"})
    assert "called “Better” now" in bob.web.get("/organizations").text
    leave = next(form for form in forms_in(page) if form.action.endswith("/leave"))
    bob.web.post(leave.action, leave.fields)
    assert "Somebody has to own the organization" in bob.web.get("/organizations").text
    switch = next(form for form in forms_in(page) if form.action.endswith("/switch"))
    bob.web.post(switch.action, switch.fields)
    page = bob.web.get("/organizations").text
    assert "/settings/organization" not in page
    leave = next(form for form in forms_in(page) if form.action.endswith("/leave"))
    assert bob.web.post(leave.action, leave.fields).headers["Location"] == "/login"


def test_the_bell_counts_and_its_page_leads_on(alice: Person) -> None:
    assert "Nothing happened yet" in alice.web.get("/notifications").text
    told(alice, 60)
    page = alice.web.get("/notifications").text
    assert "Notifications, 60 unread" in page
    assert "<ready>" not in page
    assert page.count("Open</button>") == 50
    older = re.findall(r'rel="next" href="([^"]+)"', page)[0]
    assert alice.web.get(older).text.count("Open</button>") == 10
    opening = next(form for form in forms_in(page) if form.action.endswith("/open"))
    assert alice.web.post(opening.action).headers["Location"] == "/settings/jobs"
    assert "Notifications, 59 unread" in alice.web.get("/notifications").text
    reading = next(form for form in forms_in(alice.web.get("/notifications").text) if form.action.endswith("/read"))
    alice.web.post(reading.action)
    alice.web.post("/notifications/read")
    page = alice.web.get("/notifications?show=unread").text
    assert "Everything is read" in page
    assert "unread" not in page.split('class="btn btn--quiet bell"')[1].split(">")[0]
