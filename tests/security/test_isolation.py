"""Two organizations: every address of one, asked by everybody who is not its owner; and each layer holds alone."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from rhesis_app.auth.guard import PUBLIC
from rhesis_app.authoring.models import Requirement
from rhesis_app.infra.db import TenantSession
from rhesis_app.infra.orm import Base
from rhesis_app.kernel.ids import new_id
from rhesis_app.projects.models import Project
from rhesis_app.web.access import access_of
from tests.auth.rows import NOT_ROWS, UNREADABLE, Theirs, everything_of
from tests.people import Person
from tests.security.canaries import SEALED, WITHOUT, digests, fill, seen, texts
from tests.security.matrix import Cell, cells, leaks, wrong
from tests.security.principals import Knock, Principal, Principals

pytestmark = pytest.mark.timeout(600)

PRINCIPALS = 7


@pytest.fixture
def theirs(charlie: Person) -> Theirs:
    """Everything that there can be of Charlie's."""
    return everything_of(charlie)


def knock_everywhere(principal: Principal, every: list[Cell]) -> tuple[list[str], int, set[Knock]]:
    """What was answered wrongly, how many answers told of a canary, and who asked."""
    knock = principal.make()
    asked, found, leaked = {knock}, [], 0
    for cell in every:
        if cell.needs_a_new_caller:
            asked.add(asking := principal.make())
        else:
            asking = knock
        answer = asking.ask(cell.method, cell.path, cell.body)
        leaked += bool(leaks(principal, cell, answer))
        if complaint := wrong(principal, cell, answer):
            found.append(f"{principal.name}: {cell}: {complaint}")
    return found, leaked, asked


def test_nobody_gets_in_anywhere(
    app: Flask, charlie: Person, theirs: Theirs, superuser: Engine, figure: Callable[..., None]
) -> None:
    """Every rule × method × principal: refused as it should be, no canary told, and Charlie's rows as they were."""
    organization = charlie.actor.organization_id
    filled = fill(superuser, organization)
    principals = Principals(app, charlie, superuser)
    _ = principals.other_project, principals.nothing
    every = list(cells(app, theirs.ids))
    faults, leaked, changed, executed = [], 0, [], 0
    for principal in principals.all():
        if principal.name != "viewer":
            filled = fill(superuser, organization, everywhere=True)
            principals.name_other_project()
        before = digests(superuser, organization)
        found, told, asked = knock_everywhere(principal, every)
        own = {knock.user_id for knock in asked if knock.user_id is not None}
        after = digests(superuser, organization, without_users=own)
        faults += found
        leaked += told
        changed += [f"{principal.name}: {table}" for table in before if before[table] != after[table]]
        executed += len(every)
    total = PRINCIPALS * sum(len((rule.methods or set()) - {"HEAD", "OPTIONS"}) for rule in app.url_map.iter_rules())
    how = "every rule × method of the URL map × seven principals, on an organization with a canary in every text"
    figure("isolation/cells executed", executed, f"= {total}", executed == total, how)
    figure(
        "isolation/columns with a canary", len(filled), None, None, "text and JSON columns, from the tables' metadata"
    )
    figure("isolation/leaks", leaked, "= 0", leaked == 0, "answers with a canary for whom it is not")
    figure(
        "isolation/answers other than they should be", len(faults), "= 0", not faults, "404, 403, 401 or the login page"
    )
    figure("isolation/tables changed", len(changed), "= 0", not changed, "digests over all rows, before and after")
    assert not faults, "\n".join(faults)
    assert not changed


def test_every_text_has_a_canary_or_a_reason(charlie: Person, theirs: Theirs, superuser: Engine) -> None:
    named = {f"{table.name}.{column.name}" for table, column in texts()}
    assert WITHOUT.keys() <= named, "exceptions that are no longer needed"
    filled = fill(superuser, charlie.actor.organization_id, everywhere=True)
    assert filled.keys() | WITHOUT.keys() == named
    assert [name for name, rows in filled.items() if not rows] == []


def test_the_same_addresses_exist_for_their_owner(
    app: Flask, charlie: Person, theirs: Theirs, superuser: Engine, figure: Callable[..., None]
) -> None:
    """Otherwise the test above would pass on addresses that lead nowhere, and canaries that nobody could see."""
    _ = charlie.web, charlie.api
    filled = fill(superuser, charlie.actor.organization_id)
    missing, told = [], set()
    for cell in cells(app, theirs.ids):
        if cell.method != "GET" or cell.rule.endpoint in NOT_ROWS | PUBLIC | {"sso.connection"}:  # no provider here
            continue
        answer = (charlie.api if cell.side == "api" else charlie.web).open("GET", cell.path)
        told |= seen(answer.data.decode(errors="replace") + str(answer.headers))
        if answer.status_code not in {200, 303, 422}:
            missing.append(f"{cell}: {answer.status_code}")
    assert not missing, "\n".join(missing)
    assert told & SEALED == set()
    share = len(told & filled.keys()) / len(filled)
    figure(
        "isolation/columns whose canary the owner sees", round(share, 3), "≥ 0.5", share >= 0.5, "share, on all pages"
    )


def test_every_route_says_what_it_needs_or_is_public(app: Flask) -> None:
    silent = [
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.endpoint not in PUBLIC and access_of(app, rule.endpoint, method) is None
    ]
    assert silent == []


def test_row_level_security_holds_without_the_scopes_filter(alice: Person, charlie: Person, theirs: Theirs) -> None:
    """The visible filter is left out on purpose: PostgreSQL alone keeps the organizations apart."""
    with alice.scope() as scope:
        for mapper in Base.registry.mappers:
            columns = mapper.local_table.c
            if "organization_id" in columns and mapper.local_table.name not in UNREADABLE:
                owners = set(scope.session.scalars(select(columns.organization_id).select_from(mapper.local_table)))
                assert owners <= {alice.actor.organization_id}, mapper.local_table.name


def test_the_scopes_filter_holds_without_row_level_security(alice: Person, theirs: Theirs, superuser: Engine) -> None:
    """The superuser's session is bound by no policy: the visible filter alone keeps the organizations apart."""
    with alice.scope() as scope:
        bare = TenantSession(superuser.execution_options(isolation_level="READ COMMITTED"), info={"actor": alice.actor})
        scope.session = bare
        assert scope.session.scalars(scope.select(Project)).all() == []
        assert len(bare.scalars(select(Project)).all()) == 1, (
            "without both layers the other project is there to be seen"
        )
        bare.close()


def test_a_row_cannot_refer_to_another_organizations_row(alice: Person, theirs: Theirs) -> None:
    with alice.scope() as scope:
        scope.session.add(Requirement(project_id=theirs.ids["project_id"], name="across"))
        with pytest.raises(IntegrityError):
            scope.session.flush()


def test_a_row_cannot_be_written_into_another_organization(alice: Person, charlie: Person, theirs: Theirs) -> None:
    statement = text(
        "INSERT INTO requirement (id, organization_id, project_id, name) VALUES (:id, :organization, :project, 'x')"
    )
    values = {"id": new_id(), "organization": charlie.actor.organization_id, "project": theirs.ids["project_id"]}
    with alice.scope() as scope, pytest.raises(ProgrammingError, match="row-level security"):
        scope.session.execute(statement, values)
