"""The demonstration against its real chatbot: three finished runs, once and for all, and nothing left after a removal."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from rhesis_app.auth.actions.first_start import sign_in_by_link
from rhesis_app.auth.actions.sign_in import Client, sign_in
from rhesis_app.demo.actions.credentials import fix_port, read_credentials, was_removed
from rhesis_app.demo.actions.make import Demo, make_demo
from rhesis_app.demo.actions.remove import find_owner, remove_demo
from rhesis_app.demo.rules import EMAIL
from rhesis_app.demo.rules.requirements import PEOPLE, POLICIES
from rhesis_app.demo.rules.tests import TESTS
from rhesis_app.infra.http import AllowList, OutboundDoor
from rhesis_app.infra.orm import Base
from rhesis_app.infra.runtime import Runtime
from rhesis_app.insights.queries.comparison import compare_runs
from rhesis_app.insights.queries.gates import decisions_of
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from rhesis_app.runs.actions.drive import drive_run
from rhesis_app.runs.actions.plan import Parts
from rhesis_app.runs.models import Evaluation, TestResult, TestRun
from rhesis_app.runs.queries.runs import view_runs
from tests.people import Person

URL = "http://127.0.0.1:8080"
BROWSER = Client(kind="dashboard")


def parts_of(host: Runtime) -> Parts:
    return Parts(registry=host.registry, door=host.door, secrets=host.secrets, judges=host.judges)


def make(host: Runtime, place: Path, *, is_driven: bool = True) -> Demo:
    def drive(_host: Any, actor: Actor, run_ids: Sequence[UUID]) -> bool:
        for run_id in run_ids if is_driven else ():
            with host.system_scope(actor.organization_id) as scope:
                while drive_run(scope, parts_of(host), run_id, stop=threading.Event()):
                    pass
        return is_driven

    return make_demo(host, parts_of(host), place, URL, wait=drive)


@pytest.fixture
def place(tmp_path: Path, chatbot_port_number: int) -> Path:
    fix_port(tmp_path, chatbot_port_number)
    return tmp_path


def rows_of(superuser: Engine, organization_id: UUID) -> dict[str, int]:
    """Rows by table that belong to an organization, as seen from behind the policies."""
    counted: dict[str, int] = {}
    with superuser.connect() as connection:
        for name, table in Base.metadata.tables.items():
            column = "id" if name == "organization" else "organization_id"
            if column in table.c:
                found = connection.execute(
                    text(f"SELECT count(*) FROM {name} WHERE {column} = :it"), {"it": organization_id}
                )
                counted[name] = int(found.scalar_one())
    return {name: count for name, count in counted.items() if count}


def test_three_finished_runs_with_something_to_look_at(host: Runtime, place: Path) -> None:
    made = make(host, place)
    owner = find_owner(host)
    assert owner is not None
    assert made.is_new
    assert made.is_finished
    with host.open_scope(owner) as scope:
        runs = scope.session.scalars(scope.select(TestRun).order_by(TestRun.number)).all()
        errors = scope.select(TestResult.run_id, TestResult.error_code).where(TestResult.outcome == "error")
        codes = {tuple(row) for row in scope.session.execute(errors)}
    assert [run.endpoint_snapshot["name"] for run in runs] == ["Chatbot v1", "Chatbot v1", "Chatbot v2"]
    assert [run.status for run in runs] == ["partial", "partial", "completed"]
    for run in runs:
        assert run.totals["planned"] == len(TESTS)
        assert run.totals["failed"] > 5
        assert run.totals["unscored"] == 1
        judged = scope.session.scalars(scope.select(Evaluation).where(Evaluation.model.is_not(None))).all()
    assert codes == {(run.id, "http_4xx") for run in runs[:2]}
    assert len(judged) == 3 * sum(test.requirement == PEOPLE for test in TESTS)
    assert all(one.verdict in {"passed", "failed"} and one.reason and one.tokens_in and one.cost for one in judged)


def test_the_planted_regression_is_found_and_the_planted_noise_is_none(host: Runtime, place: Path) -> None:
    """Version 1 twice differs by what wavers, whatever the coin says; version 2 forgot policies."""
    make(host, place)
    owner = find_owner(host)
    assert owner is not None
    with host.open_scope(owner) as scope:
        ids = scope.session.scalars(scope.select(TestRun.id).order_by(TestRun.number)).all()
        first, again, second = (view_runs(scope, ids)[one] for one in ids)
        noise, change = compare_runs(scope, first, again), compare_runs(scope, again, second)
        decided = decisions_of(scope, ids)
    flipped = {"worse", "better"}
    assert noise.direction not in flipped
    assert noise.broken + noise.fixed <= 4
    assert [part.name for part in noise.by_requirement if part.direction in flipped] == []
    assert change.direction == "worse"
    assert change.sentence.endswith("That is a regression.")
    assert [part.name for part in change.by_requirement if part.direction in flipped] == [POLICIES]
    assert [{one.name: one.decision for one in decided[run]} for run in ids] == [
        {"Enough answers": "passed", "No regression": "undecided", "Ready to ship": "undecided"},
        {"Enough answers": "passed", "No regression": decided[ids[1]][1].decision, "Ready to ship": "undecided"},
        {"Enough answers": "passed", "No regression": "failed", "Ready to ship": "failed"},
    ]
    assert decided[ids[1]][1].decision in {"passed", "undecided"}


def test_the_link_signs_in_once_and_opens_the_latest_run(host: Runtime, place: Path) -> None:
    made = make(host, place, is_driven=False)
    assert not made.is_finished
    token = made.link.removeprefix("/sign-in/")
    assert sign_in_by_link(host, token, BROWSER).target == "/p/support-chatbot/runs/3"
    with pytest.raises(NotFound):
        sign_in_by_link(host, token, BROWSER)


def test_the_file_lets_a_script_in(host: Runtime, place: Path, app: Any) -> None:
    made = make(host, place, is_driven=False)
    known = read_credentials(place)
    assert known == made.credentials
    assert sign_in(host, known.email, known.password, BROWSER).user_id
    answer = app.test_client().get(
        f"/api/v1/projects/{known.project_id}", headers={"Authorization": f"Bearer {known.token}"}
    )
    assert answer.status_code == 200
    assert answer.get_json()["name"] == "Support chatbot"


def test_a_second_start_only_makes_another_link(host: Runtime, place: Path) -> None:
    first = make(host, place, is_driven=False)
    second = make_demo(host, parts_of(host), place, "http://127.0.0.1:9999")
    assert not second.is_new
    assert second.link != first.link
    assert second.credentials.password == first.credentials.password
    assert second.credentials.project_id == first.credentials.project_id
    assert read_credentials(place).url == "http://127.0.0.1:9999"


def test_a_lost_file_is_written_anew_with_another_password(host: Runtime, place: Path) -> None:
    first = make(host, place, is_driven=False).credentials
    fix_port(place, first.port)
    second = make(host, place, is_driven=False)
    assert second.is_new
    assert second.credentials.project_id == first.project_id
    assert sign_in(host, EMAIL, second.credentials.password, BROWSER).user_id
    with pytest.raises(Unauthenticated):
        sign_in(host, EMAIL, first.password, BROWSER)


def test_a_start_that_was_killed_in_the_middle_is_made_again(
    host: Runtime, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("rhesis_app.demo.actions.content.start_run", killed)
        with pytest.raises(KeyboardInterrupt):
            make(host, place)
    assert find_owner(host) is not None
    assert make(host, place, is_driven=False).is_new


def test_without_a_chatbot_nothing_is_made(host: Runtime, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="up --demo"):
        make(host, tmp_path)
    assert find_owner(host) is None


def test_removing_it_leaves_nothing_of_it_and_all_of_the_others(
    host: Runtime, place: Path, charlie: Person, superuser: Engine
) -> None:
    before = rows_of(superuser, charlie.actor.organization_id)
    make(host, place)
    owner = find_owner(host)
    assert owner is not None
    full = rows_of(superuser, owner.organization_id)
    assert {"organization", "project", "endpoint", "metric", "test", "test_run", "test_result", "evaluation"} <= set(
        full
    )
    with host.open_scope(owner) as scope:
        assert remove_demo(host, scope, place) is None
    assert rows_of(superuser, owner.organization_id) == {}
    assert find_owner(host) is None
    assert rows_of(superuser, charlie.actor.organization_id) == before
    assert was_removed(place)


def test_whoever_was_alone_gets_a_first_start(host: Runtime, place: Path) -> None:
    make(host, place, is_driven=False)
    owner = find_owner(host)
    assert owner is not None
    with host.open_scope(owner) as scope:
        path = remove_demo(host, scope, place)
    assert path is not None
    assert path.startswith("/start/")


def test_after_a_removal_it_comes_back_only_when_asked_for(host: Runtime, place: Path) -> None:
    known = make(host, place, is_driven=False).credentials
    owner = find_owner(host)
    assert owner is not None
    with host.open_scope(owner) as scope:
        remove_demo(host, scope, place)
    with pytest.raises(Conflict, match=r"delete demo\.json"):
        make(host, place, is_driven=False)
    assert find_owner(host) is None
    (place / "demo.json").unlink()
    fix_port(place, known.port)
    assert make(host, place, is_driven=False).is_new


def test_an_address_that_is_closed_leaves_nothing_behind(
    host: Runtime, place: Path, superuser: Engine, charlie: Person
) -> None:
    closed = OutboundDoor(AllowList.parse(""), allow_local=False)
    parts = Parts(registry=host.registry, door=closed, secrets=host.secrets, judges=host.judges)
    with pytest.raises(Invalid, match="RHESIS_ALLOW_TARGETS"):
        make_demo(host, parts, place, URL)
    assert find_owner(host) is None
    with superuser.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM organization")).scalar_one() == 2


def test_another_organization_is_never_erased(host: Runtime, tmp_path: Path, alice: Person, superuser: Engine) -> None:
    before = rows_of(superuser, alice.actor.organization_id)
    with alice.scope() as scope, pytest.raises(NotFound):
        remove_demo(host, scope, tmp_path)
    assert rows_of(superuser, alice.actor.organization_id) == before


def test_only_an_owner_removes_it(host: Runtime, tmp_path: Path, bob: Person) -> None:
    with bob.scope() as scope, pytest.raises(Forbidden):
        remove_demo(host, scope, tmp_path)
