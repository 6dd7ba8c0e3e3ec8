"""Stored results as samples, to try metrics on."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func

from rhesis_app.authoring.models import TestVersion
from rhesis_app.kernel.errors import NotFound
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.runs.models import TestResult, TestRun
from rhesis_app.sdk import Sample, ToolCall, Turn

_TITLE = 80
_RECENT = 25
_RUNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleChoice:
    """A stored result to choose in a form; `title` such as `#482, test 1: Can I return a mattress`."""

    result_id: UUID
    title: str


def stored_sample(scope: Scope, result_id: UUID, *, project_id: UUID) -> Sample:
    """What was asked and answered, as a metric sees it. NotFound for strangers, other projects and results without an answer."""
    version, result = TestVersion, TestResult
    columns = (version.prompt, version.expected, version.messages, version.context.label("reference_context"))
    query = (
        _answered(scope, project_id)
        .add_columns(*columns, version.facts, result.output, result.context, result.tool_calls)
        .add_columns(result.latency_ms, result.tokens_in, result.tokens_out)
        .where(result.id == result_id)
    )
    row = scope.session.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such answer in this project.")
    earlier = [Turn(role=str(one.get("role", "user")), text=str(one.get("content", ""))) for one in row.messages]
    return Sample(
        prompt=row.prompt,
        output=row.output,
        turns=(*earlier, Turn(role="user", text=row.prompt), Turn(role="assistant", text=row.output)),
        reference=row.expected,
        context=tuple(row.context),
        reference_context=tuple(row.reference_context),
        tool_calls=tuple(_tool_call(one) for one in row.tool_calls),
        metadata=row.facts,
        latency_ms=row.latency_ms,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
    )


def list_sample_choices(scope: Scope, project_id: UUID) -> tuple[SampleChoice, ...]:
    """Answers of the latest runs of a project, newest run first; none for somebody who may not read runs."""
    if not scope.may(Permission.RUN_READ, project=project_id):
        return ()
    latest = scope.select(TestRun.id).where(TestRun.project_id == project_id).order_by(TestRun.number.desc())
    query = (
        _answered(scope, project_id)
        .add_columns(func.left(TestVersion.prompt, _TITLE).label("prompt"))
        .where(TestRun.id.in_(latest.limit(_RUNS)))
        .order_by(TestRun.number.desc(), TestResult.position, TestResult.trial)
        .limit(_RECENT)
    )
    return tuple(
        SampleChoice(result_id=row.id, title=f"#{row.number}, test {row.position}: {' '.join(row.prompt.split())}")
        for row in scope.session.execute(query)
    )


def _answered(scope: Scope, project_id: UUID) -> Select[Any]:
    scope.require(Permission.RUN_READ, project=project_id)
    version, result = TestVersion, TestResult
    return (
        scope.select(TestRun.number, result.id, result.position)
        .join(result, and_(result.organization_id == TestRun.organization_id, result.run_id == TestRun.id))
        .join(version, and_(version.organization_id == result.organization_id, version.id == result.test_version_id))
        .where(TestRun.project_id == project_id, result.output.is_not(None), result.error_code.is_(None))
    )


def _tool_call(call: dict[str, Any]) -> ToolCall:
    arguments = call.get("arguments")
    return ToolCall(name=str(call.get("name", "")), arguments=arguments if isinstance(arguments, dict) else {})
