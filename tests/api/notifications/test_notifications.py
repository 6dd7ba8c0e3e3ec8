"""What one was told: once for each event, obeying preferences, and read by oneself alone."""

from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from rhesis_app.kernel.ids import new_id
from rhesis_app.notifications.actions.announce import announce
from rhesis_app.notifications.models import Delivery, Notification
from rhesis_app.notifications.rules.events import Event, EventKind, Message, Recipient
from rhesis_app.projects.queries import ProjectView
from tests.background import do_jobs
from tests.factories import Given, RunPlan, make_run
from tests.people import Person, add_member

PATH = "/notifications"


def tell(
    teller: Person, *people: Person, subject: UUID | None = None, private: bool = False, title: str = "News"
) -> None:
    event = Event(
        kinds=(EventKind.REPORT_READY,),
        subject_id=subject or new_id(),
        message=Message(subject=title, sentences=("It is there.", "Look at it."), path="/p/x/reports"),
        recipients=(
            *(Recipient(address=one.email, user_id=one.actor.user_id) for one in people),
            Recipient(address="outsider@example.org"),
        ),
        is_private=private,
    )
    with teller.scope() as scope, scope.atomic():
        announce(scope, event)


def titles(person: Person, query: str = "") -> list[str]:
    return [one["title"] for one in person.api.get(PATH + query).json]


def test_a_report_that_is_ready_is_told_without_a_mail_server(alice: Person, project: ProjectView) -> None:
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id), [Given()])
    alice.api.post("/reports", {"run_id": str(run.id), "exporter": "json.run"})
    do_jobs(alice)
    (one,) = alice.api.get(PATH).json
    assert one["event"] == "report.ready"
    assert alice.web.get(one["link"]).status_code == 200
    assert one["read_at"] is None
    assert alice.count(Delivery) == 0


def test_somebody_who_has_left_hears_nothing_any_more(alice: Person, project: ProjectView) -> None:
    erin = add_member(alice, "erin", "Member")
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id), [Given()])
    assert erin.api.post("/reports", {"run_id": str(run.id), "exporter": "json.run"}).status_code == 202
    alice.api.delete(f"/members/{erin.actor.user_id}")
    do_jobs(alice)
    with erin.scope() as scope:
        assert scope.session.scalar(text("SELECT count(*) FROM notification")) == 0
    assert alice.api.get("/reports").json[0]["status"] == "done"


def test_each_is_told_once_however_often_it_is_told(alice: Person, bob: Person) -> None:
    subject = new_id()
    tell(alice, alice, subject=subject)
    tell(alice, alice, bob, subject=subject)
    tell(bob, alice, bob, subject=subject)
    assert (titles(alice), titles(bob)) == (["News"], ["News"])
    tell(alice, alice)
    assert titles(alice) == ["News", "News"]
    assert alice.api.get(PATH).json[0]["body"] == "It is there. Look at it."


def test_whoever_wants_none_is_told_nothing(alice: Person, bob: Person) -> None:
    answer = bob.api.patch("/notification-preferences", {"in_app": {"report.ready": False}})
    assert [one["in_app"] for one in answer.json] == [True, True, False, True]
    assert all(one["email"] for one in answer.json)
    tell(alice, alice, bob)
    assert (titles(alice), titles(bob)) == (["News"], [])


def test_what_is_private_stands_on_no_page(alice: Person) -> None:
    tell(alice, alice, private=True)
    assert titles(alice) == []


def test_reading_is_counted_down_on_every_page(alice: Person, bob: Person) -> None:
    for number in range(3):
        tell(bob, alice, title=f"News {number}")
    assert "Notifications, 3 unread" in alice.web.get("/settings/profile").text
    newest = alice.api.get(PATH).json[0]["id"]
    assert alice.api.post(f"{PATH}/{newest}/read").status_code == 204
    assert alice.api.post(f"{PATH}/{newest}/read").status_code == 204
    assert titles(alice, "?unread=true") == ["News 1", "News 0"]
    assert "Notifications, 2 unread" in alice.web.get("/settings/profile").text
    assert alice.api.post(f"{PATH}/read").json == {"read": 2}
    assert titles(alice, "?unread=true") == []
    assert len(titles(alice)) == 3
    assert "unread" not in alice.web.get("/settings/profile").text


def test_past_a_hundred_nobody_counts(alice: Person, superuser: Engine) -> None:
    with alice.scope() as scope, scope.atomic() as session:
        for _ in range(120):
            session.add(Notification(user_id=alice.actor.user_id, event="report.ready", event_id=new_id(), title="x"))
    assert "Notifications, 99+ unread" in alice.web.get("/settings/profile").text
    first = alice.api.get(f"{PATH}?limit=100")
    assert len(first.json) == 100
    following = first.headers["Link"].split(">")[0].strip("<")
    assert len(alice.api.get(following).json) == 20


def test_one_reads_ones_own_alone(alice: Person, bob: Person, charlie: Person) -> None:
    tell(alice, alice)
    own = alice.api.get(PATH).json[0]["id"]
    for other in (bob, charlie):
        assert titles(other) == []
        assert other.api.post(f"{PATH}/{own}/read").status_code == 404
        assert other.api.post(f"{PATH}/read").json == {"read": 0}
        with other.scope() as scope:
            assert scope.session.scalar(text("SELECT count(*) FROM notification")) == 0
    assert titles(alice, "?unread=true") == ["News"]


@pytest.mark.parametrize("query", ["?unread=perhaps", "?limit=0", "?cursor=x", "?odd=1"])
def test_an_odd_question_is_refused(alice: Person, query: str) -> None:
    assert alice.api.get(PATH + query).status_code in {400, 422}
