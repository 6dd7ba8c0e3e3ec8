"""/notification-preferences: one's own choices, in one organization."""

import pytest

from rhesis_app.notifications.models import Preference
from rhesis_app.tenancy.models import AuditEntry
from tests.people import ApiClient, Person

PATH = "/notification-preferences"


def chosen(person: Person) -> dict[str, bool]:
    return {one["event"]: one["email"] for one in person.api.get(PATH).json}


def test_everything_is_wanted_until_somebody_says_otherwise(alice: Person, bob: Person) -> None:
    assert chosen(alice) == {"run.finished": True, "gate.failed": True, "report.ready": True, "schedule.failed": True}
    answer = alice.api.patch(PATH, {"email": {"run.finished": False}})
    assert answer.status_code == 200
    assert answer.json[0]["email"] is False
    assert chosen(alice) == {"run.finished": False, "gate.failed": True, "report.ready": True, "schedule.failed": True}
    assert chosen(bob)["run.finished"] is True
    alice.api.patch(PATH, {"email": {"run.finished": True, "report.ready": False}})
    assert chosen(alice) == {"run.finished": True, "gate.failed": True, "report.ready": False, "schedule.failed": True}
    assert alice.count(Preference) == 2
    assert alice.count(AuditEntry, action="preference.choose") == 2


def test_a_viewer_chooses_for_themselves(bob: Person) -> None:
    assert bob.api.patch(PATH, {"email": {"gate.failed": False}}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"email": {"odd.event": True}}, {"email": {"run.finished": "perhaps"}}, {"in_app": {"odd.event": True}}],
)
def test_what_is_no_choice_is_refused(alice: Person, body: dict[str, object]) -> None:
    assert alice.api.patch(PATH, body).status_code == 422
    assert alice.count(Preference) == 0


def test_it_needs_somebody(alice: Person) -> None:
    assert ApiClient(alice.app, None).get(PATH).status_code == 401
