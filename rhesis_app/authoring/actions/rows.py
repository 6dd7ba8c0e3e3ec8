"""Writing many tests at once: one statement for any number of them."""

from collections.abc import Sequence
from uuid import UUID

import orjson
from sqlalchemy import text

from rhesis_app.authoring.actions.bulk import forget_plans
from rhesis_app.authoring.actions.requirements import ensure_requirements
from rhesis_app.authoring.rules.tests import TestContent, content_hash
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.scope import Scope

_WRITE = text(
    """
WITH given AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS g (id uuid, place int, prompt text, expected text, requirement_id uuid,
    messages jsonb, context jsonb, metadata jsonb, prompt_version_id uuid, prompt_values jsonb, trials int, content_hash text)
), made AS (
  INSERT INTO test (id, organization_id, project_id, requirement_id, kind, prompt, expected, messages, context, metadata,
    prompt_version_id, prompt_values, trials, content_hash)
  SELECT g.id, :organization, :project, g.requirement_id, 'single_turn', g.prompt, g.expected, g.messages,
         ARRAY(SELECT jsonb_array_elements_text(g.context)), g.metadata, g.prompt_version_id, g.prompt_values, g.trials, g.content_hash
    FROM given g
)
INSERT INTO test_set_item (organization_id, test_set_id, test_id, position)
SELECT :organization, CAST(:test_set AS uuid), g.id, :after + g.place FROM given g WHERE :test_set IS NOT NULL
"""
)


def write_tests(
    scope: Scope, project_id: UUID, contents: Sequence[TestContent], *, test_set_id: UUID | None = None, after: int = 0
) -> list[UUID]:
    """Make checked tests, and items of a test set from position `after` + 1 on; the ids, in order.

    Requirements are found by name or made. Call it inside `atomic()`, with the test set locked or new.
    """
    names = {content.requirement for content in contents if content.requirement is not None}
    requirements = ensure_requirements(scope, project_id, names)
    # ids of one millisecond are in no order of their own: sorted, a list by id shows the tests as they were given
    ids = sorted(new_id() for _ in contents)
    rows = [
        _row(test_id, place, content, requirements.get(content.requirement or ""))
        for place, (test_id, content) in enumerate(zip(ids, contents, strict=True), 1)
    ]
    scope.session.flush()
    forget_plans(scope, len(rows))
    scope.session.execute(
        _WRITE,
        {
            "rows": orjson.dumps(rows).decode(),
            "organization": scope.organization_id,
            "project": project_id,
            "test_set": test_set_id,
            "after": after,
        },
    )
    return ids


def _row(test_id: UUID, place: int, content: TestContent, requirement_id: UUID | None) -> dict[str, object]:
    return {
        "id": test_id,
        "place": place,
        "prompt": content.prompt,
        "expected": content.expected,
        "requirement_id": requirement_id,
        "messages": [dict(message) for message in content.messages],
        "context": content.context,
        "metadata": dict(content.metadata),
        "prompt_version_id": content.source.version_id if content.source else None,
        "prompt_values": dict(content.source.values or {}) if content.source else {},
        "trials": content.trials,
        "content_hash": content_hash(content, requirement_id),
    }
