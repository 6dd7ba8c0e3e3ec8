"""How many statements reading the audit log takes: the same for a few entries and for a hundred thousand, and by index."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import Engine, text

from rhesis_app.projects.queries import ProjectView
from tests.people import Person
from tests.performance.test_run_statements import taken

Watch = Callable[[], AbstractContextManager[list[str]]]
MANY = 100_000
FILL = """
INSERT INTO audit_entry (id, organization_id, user_id, actor_kind, action, object_type, object_id, facts, ip, at)
SELECT gen_random_uuid(), :organization, CASE WHEN n % 3 = 0 THEN NULL ELSE CAST(:person AS uuid) END, 'user',
       (ARRAY['run.start', 'run.finish', 'metric.update', 'test.create', 'session.open'])[1 + n % 5],
       (ARRAY['test_run', 'test_run', 'metric', 'test', 'project'])[1 + n % 5],
       CASE WHEN n % 5 = 4 THEN CAST(:project AS uuid) ELSE gen_random_uuid() END, '{"number": 7}', '127.0.0.1', now() - n * interval '1 second'
  FROM generate_series(1, :count) n
"""


def test_reading_keeps_its_budgets_however_long_the_log_is(
    alice: Person, project: ProjectView, superuser: Engine, statements: Watch
) -> None:
    lists = (
        "/audit",
        "/audit?action=run.start&actor=system&count=true",
        f"/audit?object={project.id}",
        "/audit?object=metric",
    )
    pages = ("/settings/audit", f"/settings/audit?object={project.id}&from=2020-01-01")

    def fill(count: int) -> None:
        values: dict[str, Any] = {"organization": alice.actor.organization_id, "person": alice.actor.user_id}
        with superuser.connect() as connection:
            connection.execute(text(FILL), values | {"project": project.id, "count": count})

    def counts() -> dict[str, int]:
        return {
            **{f"list {path}": taken(statements, lambda path=path: alice.api.get(path)) for path in lists},
            **{f"page {path}": taken(statements, lambda path=path: alice.web.get(path)) for path in pages},
        }

    fill(10)
    few = counts()
    fill(MANY)
    assert counts() == few
    budgets = {"page": 8, "list": 6}
    assert {name: count for name, count in few.items() if count > budgets[name.split()[0]]} == {}


@pytest.mark.parametrize("change", ["/projects"])
def test_an_entry_is_one_statement_of_what_it_tells_of(alice: Person, statements: Watch, change: str) -> None:
    _ = alice.api
    with statements() as seen:
        assert alice.api.post(change, {"name": "Another"}).status_code == 201
    assert sum("INSERT INTO audit_entry" in statement for statement in seen) == 1
    assert len(seen) <= 10
