"""Messages at a real SMTP server: one to each, tried again when it is away, never twice, never one to a refused address."""

import smtplib
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from rhesis_app.infra.mail import MailServer, SmtpPost
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.ids import new_id
from rhesis_app.notifications.actions.announce import announce, choose_preferences
from rhesis_app.notifications.actions.background import sweep_jobs
from rhesis_app.notifications.models import Delivery, Job
from rhesis_app.notifications.rules.events import Event, EventKind, Message, Recipient
from rhesis_app.projects.queries import ProjectView
from tests.background import do_jobs
from tests.factories import Given, RunPlan, make_run
from tests.jobs.runs.test_driving import drive
from tests.jobs.runs.world import make_world
from tests.people import Person
from tests.scripted_endpoint import ScriptedEndpoint, json_reply
from tests.smtp import PostBox, post_box

SENDER = "Rhesis App <rhesis@example.org>"


@pytest.fixture
def box(host: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostBox]:
    """The process's mail server, running."""
    with post_box() as box:
        monkeypatch.setattr(host, "post", SmtpPost(MailServer.parse(box.url, SENDER), timeout_s=2))
        monkeypatch.setattr(host, "settings", replace(host.settings, external_url="https://rhesis.example.org"))
        yield box


def tell(person: Person, *addresses: str, subject: UUID | None = None, user: Person | None = None) -> UUID:
    event = Event(
        kinds=(EventKind.RUN_FINISHED,),
        subject_id=subject or new_id(),
        message=Message(subject="Something happened"),
        recipients=tuple(Recipient(address=a, user_id=user.actor.user_id if user else None) for a in addresses),
    )
    with person.scope() as scope, scope.atomic():
        announce(scope, event)
    return event.id


def states(person: Person) -> dict[str, str]:
    with person.scope() as scope:
        return dict(tuple(row) for row in scope.session.execute(scope.select(Delivery.recipient, Delivery.state)))


def due(superuser: Engine) -> None:
    with superuser.connect() as connection:
        connection.execute(text("UPDATE job SET not_before = now() WHERE status = 'queued'"))


def test_everybody_gets_one_letter_of_an_event_however_often_it_is_told(alice: Person, box: PostBox) -> None:
    subject = new_id()
    tell(alice, "a@example.org", "b@example.org", subject=subject)
    tell(alice, "a@example.org", "b@example.org", subject=subject)
    do_jobs(alice)
    tell(alice, "b@example.org", "c@example.org", subject=subject)
    do_jobs(alice)
    assert sorted(letter.recipient for letter in box.taken) == ["a@example.org", "b@example.org", "c@example.org"]
    assert len({letter.id for letter in box.taken}) == 3
    assert set(states(alice).values()) == {"sent"}
    assert alice.count(Delivery, content={}) == 3


def test_an_address_that_is_refused_costs_the_others_nothing(alice: Person, box: PostBox) -> None:
    box.refuse["no@example.org"] = "550 no such mailbox"
    tell(alice, "a@example.org", "no@example.org", "z@example.org")
    do_jobs(alice)
    assert states(alice) == {"a@example.org": "sent", "no@example.org": "failed", "z@example.org": "sent"}
    assert alice.count(Job, status="done") == 1


def test_who_is_refused_for_now_is_tried_again_and_the_others_are_not(
    alice: Person, box: PostBox, superuser: Engine
) -> None:
    box.refuse["later@example.org"] = "451 try again later"
    tell(alice, "a@example.org", "later@example.org")
    do_jobs(alice)
    assert states(alice) == {"a@example.org": "sent", "later@example.org": "queued"}
    job = alice.api.get("/jobs").json[0]
    assert (job["status"], job["attempt"], job["error_code"]) == ("queued", 1, "smtp_451")
    assert job["next_try_at"]
    box.refuse.clear()
    due(superuser)
    do_jobs(alice)
    assert [letter.recipient for letter in box.taken] == ["a@example.org", "later@example.org"]
    assert alice.count(Job, status="done") == 1


def test_a_server_that_is_away_loses_nothing(alice: Person, box: PostBox, host: Runtime, superuser: Engine) -> None:
    right = host.post
    host.post = SmtpPost(MailServer.parse("smtp://127.0.0.1:1", SENDER), timeout_s=1)
    tell(alice, "a@example.org")
    do_jobs(alice)
    job = alice.api.get("/jobs").json[0]
    assert (job["status"], job["error_code"]) == ("queued", "smtp_away")
    assert "127.0.0.1" not in job["error_detail"]
    host.post = right
    due(superuser)
    do_jobs(alice)
    assert [letter.recipient for letter in box.taken] == ["a@example.org"]


def test_a_server_that_hangs_is_given_up_in_time(alice: Person, box: PostBox, host: Runtime) -> None:
    released = threading.Event()
    box.on_rcpt = lambda _address: released.wait(3) and None
    host.post = SmtpPost(MailServer.parse(box.url, SENDER), timeout_s=0.3)
    tell(alice, "a@example.org")
    do_jobs(alice)
    released.set()
    assert alice.api.get("/jobs").json[0]["error_code"] == "smtp_timeout"
    assert states(alice) == {"a@example.org": "queued"}


def test_content_that_is_refused_is_not_sent_for_ever(alice: Person, box: PostBox) -> None:
    box.on_data = lambda _address: "554 this looks odd"
    tell(alice, "a@example.org")
    do_jobs(alice)
    assert states(alice) == {"a@example.org": "failed"}


def test_a_worker_whose_lease_is_anothers_hands_nothing_over(alice: Person, box: PostBox, superuser: Engine) -> None:
    """It stops between two letters for longer than its lease; the next worker sends the rest, and it sends nothing more."""
    tell(alice, "a@example.org", "b@example.org", "c@example.org")
    heard: list[str] = []

    def steal(address: str) -> None:
        heard.append(address)
        if len(heard) == 2:
            with superuser.connect() as connection:
                connection.execute(text("UPDATE job SET lease_until = now() - interval '1 second'"))
            assert sweep_jobs(alice.host).returned == 1

    box.on_rcpt = steal
    do_jobs(alice)
    assert [letter.recipient for letter in box.taken] == heard[:1]
    do_jobs(alice)
    assert sorted(letter.recipient for letter in box.taken) == ["a@example.org", "b@example.org", "c@example.org"]


def test_a_letter_that_was_taken_without_our_noticing_comes_again_under_the_same_id(
    alice: Person, box: PostBox, superuser: Engine
) -> None:
    """The one instant that nothing can close: the connection breaks after the server's yes and before we hear it."""
    tell(alice, "a@example.org")
    heard = smtplib.SMTP.data

    def deaf(self: smtplib.SMTP, content: bytes) -> Any:
        heard(self, content)
        raise smtplib.SMTPServerDisconnected

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smtplib.SMTP, "data", deaf)
        do_jobs(alice)
    due(superuser)
    do_jobs(alice)
    assert len(box.taken) == 2
    assert len({letter.id for letter in box.taken}) == 1
    assert states(alice) == {"a@example.org": "sent"}


def test_whoever_does_not_want_to_hear_of_it_does_not(alice: Person, bob: Person, box: PostBox) -> None:
    with alice.scope() as scope:
        choose_preferences(scope, email={"run.finished": False})
    tell(alice, alice.email, user=alice)
    tell(alice, bob.email, user=bob)
    do_jobs(alice)
    assert [letter.recipient for letter in box.taken] == [bob.email]


def test_without_a_mail_server_nothing_is_written(alice: Person) -> None:
    tell(alice, "a@example.org")
    assert alice.count(Delivery) == alice.count(Job) == 0


def test_a_worker_without_a_mail_server_says_so(alice: Person, box: PostBox, host: Runtime) -> None:
    tell(alice, "a@example.org")
    host.post = None
    do_jobs(alice)
    job = alice.api.get("/jobs").json[0]
    assert job["status"] == "errored"
    assert "RHESIS_SMTP_URL" in job["error_detail"]


def test_whoever_started_a_run_hears_of_its_end_once(alice: Person, box: PostBox) -> None:
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, [("Question", "yes"), ("Other", "no")])
        run_id = world.start()
        drive(world, run_id)
        drive(world, run_id)
    do_jobs(alice)
    (letter,) = box.taken
    assert letter.recipient == alice.email
    assert letter.message["Subject"] == "Set #1 failed"
    assert "1 of 2 tests with a verdict failed." in letter.text
    assert "1 / 2 passed" in letter.html
    assert "https://rhesis.example.org/p/" in letter.text


def test_a_failed_gate_reaches_those_who_want_to_hear_of_that_alone(alice: Person, box: PostBox) -> None:
    with alice.scope() as scope:
        choose_preferences(scope, email={"run.finished": False})
    with ScriptedEndpoint(lambda _call: json_reply({"reply": "yes"})) as server:
        world = make_world(alice, server.url, [("Question", "yes"), ("Other", "no")])
        drive(world, world.start())
        rule = {"kind": "error_rate", "at_most": 0.02}
        gate = {"project_id": str(world.project_id), "name": "Ship", "rule": rule}
        assert alice.api.post("/gates", gate).status_code == 201
        rule = {"kind": "pass_rate", "at_least": 0.99, "confidence": 0.8, "max_error_rate": 0.5}
        assert alice.api.post("/gates", gate | {"name": "All", "rule": rule}).status_code == 201
        drive(world, world.start())
    do_jobs(alice)
    (letter,) = box.taken
    assert letter.message["Subject"] == "Set #2 failed: gate All failed"


def test_whoever_asked_for_a_report_hears_that_it_is_there(alice: Person, project: ProjectView, box: PostBox) -> None:
    with alice.scope() as scope:
        run = make_run(scope, RunPlan(project_id=project.id), [Given()])
    alice.api.post("/reports", {"run_id": str(run.id), "exporter": "html.run"})
    do_jobs(alice)
    do_jobs(alice)
    (letter,) = box.taken
    assert letter.message["Subject"] == "Report of run #1 is ready"
    assert "https://rhesis.example.org/p/support-copilot/reports?run=1" in letter.text
