"""Background work in real workers that are killed: every letter arrives once, every report is written whole."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text

from rhesis_app.infra.config import Settings
from rhesis_app.infra.mail import MailServer, SmtpPost
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.ids import new_id
from rhesis_app.notifications.actions.announce import announce
from rhesis_app.notifications.actions.background import sweep_jobs
from rhesis_app.notifications.models import Delivery, Job
from rhesis_app.notifications.rules.events import Event, EventKind, Message, Recipient
from rhesis_app.projects.queries import ProjectView
from tests.jobs.faults.processes import kill_with_children, until
from tests.people import Person
from tests.performance.test_report_memory import large
from tests.smtp import PostBox, post_box

SENDER = "Rhesis App <rhesis@example.org>"
PEOPLE = [f"person-{number}@example.org" for number in range(6)]


@contextmanager
def job_worker(settings: Settings, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`rhesis-app worker --queue jobs` on the tests' own servers."""
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_keys[0],
        "RHESIS_ENCRYPTION_KEYS": settings.encryption_keys[0],
        **more,
    }
    command = [sys.executable, "-m", "rhesis_app.cli", "worker", "--queue", "jobs"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def box(host: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostBox]:
    with post_box() as box:
        monkeypatch.setattr(host, "post", SmtpPost(MailServer.parse(box.url, SENDER)))
        yield box


def tell_everybody(alice: Person) -> None:
    event = Event(
        kinds=(EventKind.RUN_FINISHED,),
        subject_id=new_id(),
        message=Message(subject="Something happened"),
        recipients=tuple(Recipient(address=address) for address in PEOPLE),
    )
    with alice.scope() as scope, scope.atomic():
        announce(scope, event)


def lose_everything_but_the_database(host: Runtime, superuser: Engine) -> None:
    """What a killed machine leaves: no queue, and a lease that runs out."""
    host.queue.redis.flushall()
    with superuser.connect() as connection:
        connection.execute(text("UPDATE job SET lease_until = now() - interval '1 s' WHERE lease_owner IS NOT NULL"))
        connection.execute(text("UPDATE job SET rung_at = NULL"))
    sweep_jobs(host)


def test_killing_the_worker_between_letters_loses_none_and_doubles_none(
    alice: Person, host: Runtime, settings: Settings, superuser: Engine, box: PostBox
) -> None:
    box.on_rcpt = lambda _address: time.sleep(0.4)  # between two letters there is time to die
    tell_everybody(alice)
    for count in (2, 4):
        with job_worker(settings, RHESIS_SMTP_URL=box.url, RHESIS_MAIL_FROM=SENDER) as process:
            until(lambda count=count: len(box.taken) >= count and alice.count(Delivery, state="sent") == len(box.taken))
            kill_with_children(process.pid)
        assert alice.count(Delivery, state="sending") == 0, "it was to be killed between two letters"
        lose_everything_but_the_database(host, superuser)
    with job_worker(settings, RHESIS_SMTP_URL=box.url, RHESIS_MAIL_FROM=SENDER):
        until(lambda: alice.count(Job, status="done") == 1)
    assert sorted(letter.recipient for letter in box.taken) == PEOPLE
    assert len({letter.id for letter in box.taken}) == len(PEOPLE)
    assert alice.count(Delivery, state="sent") == len(PEOPLE)


def test_killing_it_before_it_hears_the_servers_yes_repeats_the_letter_under_its_id(
    alice: Person, host: Runtime, settings: Settings, superuser: Engine, box: PostBox
) -> None:
    """The one instant that stays: the mail server has the letter and nobody knows. Better twice under one id than lost."""
    box.after_data = lambda _address: time.sleep(1)
    tell_everybody(alice)
    with job_worker(settings, RHESIS_SMTP_URL=box.url, RHESIS_MAIL_FROM=SENDER) as process:
        until(lambda: len(box.taken) == 1)
        kill_with_children(process.pid)
    assert alice.count(Delivery, state="sending") == 1
    box.after_data = lambda _address: None
    lose_everything_but_the_database(host, superuser)
    with job_worker(settings, RHESIS_SMTP_URL=box.url, RHESIS_MAIL_FROM=SENDER):
        until(lambda: alice.count(Job, status="done") == 1)
    assert len(box.taken) == len(PEOPLE) + 1
    assert sorted({letter.id: letter.recipient for letter in box.taken}.values()) == PEOPLE


def test_killing_the_worker_in_the_middle_of_a_report_writes_it_whole_the_next_time(
    alice: Person, host: Runtime, project: ProjectView, settings: Settings, superuser: Engine
) -> None:
    run = large(alice, project)
    view = alice.api.post("/reports", {"run_id": str(run.id), "exporter": "json.run"}).json
    with job_worker(settings) as process:
        until(lambda: alice.count(Job, status="running") == 1)
        time.sleep(0.3)  # it is writing now
        kill_with_children(process.pid)
    assert alice.count(Job, status="running") == 1
    lose_everything_but_the_database(host, superuser)
    with job_worker(settings):
        until(lambda: alice.count(Job, status="done") == 1)
    file = alice.api.get(f"/reports/{view['id']}/file").data
    found = alice.api.get(f"/reports/{view['id']}").json
    assert (len(file), hashlib.sha256(file).hexdigest()) == (found["bytes"], found["sha256"])
    assert file.endswith(b"\n]}\n")
    assert alice.api.get(f"/jobs/{view['job_id']}").json["attempt"] == 2


def test_a_worker_that_is_told_to_stop_gives_its_report_back_at_once(
    alice: Person, project: ProjectView, settings: Settings
) -> None:
    run = large(alice, project)
    view = alice.api.post("/reports", {"run_id": str(run.id), "exporter": "html.run"}).json
    with job_worker(settings) as process:
        until(lambda: alice.count(Job, status="running") == 1)
        process.terminate()
        assert process.wait(30) == 0
    job = alice.api.get(f"/jobs/{view['job_id']}").json
    assert (job["status"], job["attempt"]) == ("queued", 0)
