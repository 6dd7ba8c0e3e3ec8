"""What changes gates."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func

from rhesis_app.authoring.actions.conflicts import unique_name
from rhesis_app.authoring.rules.names import check_name
from rhesis_app.insights.actions.decide import decide_latest
from rhesis_app.insights.models import Gate
from rhesis_app.insights.queries.gates import GateView, gate_view
from rhesis_app.insights.rules.gates import PREVIOUS, check_rule
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.etags import require_match
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import get_project
from rhesis_app.runs.models import TestRun

TAKEN = "There is a gate of this name in the project already. Choose another."
_NAME_IS_UNIQUE = "uq_gate_live_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGate:
    """A gate to make; `rule` as the caller sent it."""

    project_id: UUID
    name: str
    rule: Any


def create_gate(scope: Scope, new: NewGate) -> GateView:
    """Make a gate; it decides the project's latest run at once. Raises Invalid at a field, Conflict for a taken name."""
    scope.require(Permission.GATE_MANAGE, project=new.project_id)
    project_id = get_project(scope, new.project_id).id
    rule = _checked(scope, project_id, new.rule)
    row = Gate(id=new_id(), project_id=project_id, name=check_name(new.name, what="gate"), rule=rule)
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        session.add(row)
        session.flush()
        scope.record("gate.create", "gate", row.id, name=row.name)
        decide_latest(scope, project_id)
        session.refresh(row)
        return gate_view(scope, row)


def update_gate(
    scope: Scope, gate_id: UUID, *, name: str | None = None, rule: Any = None, if_match: str | None = None
) -> GateView:
    """Change a gate. Past decisions keep the rule they were made by; the latest run is decided anew."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, gate_id)
        require_match(if_match, row.id, row.updated_at)
        if name is not None:
            row.name = check_name(name, what="gate")
        if rule is not None:
            row.rule = _checked(scope, row.project_id, rule)
        session.flush()
        scope.record("gate.update", "gate", row.id, name=row.name)
        decide_latest(scope, row.project_id)
        session.refresh(row)
        return gate_view(scope, row)


def archive_gate(scope: Scope, gate_id: UUID) -> GateView:
    """Put a gate aside: it decides no further run, and what it said stays. Doing it twice changes nothing."""
    with scope.atomic() as session:
        row = _held(scope, gate_id)
        if row.archived_at is None:
            row.archived_at = func.now()
            session.flush()
            session.refresh(row)
            scope.record("gate.archive", "gate", row.id, name=row.name)
        return gate_view(scope, row)


def restore_gate(scope: Scope, gate_id: UUID) -> GateView:
    """Bring a gate back. Raises Conflict when its name is taken meanwhile."""
    with unique_name(_NAME_IS_UNIQUE, TAKEN), scope.atomic() as session:
        row = _held(scope, gate_id)
        if row.archived_at is not None:
            row.archived_at = None
            session.flush()
            session.refresh(row)
            scope.record("gate.restore", "gate", row.id, name=row.name)
        return gate_view(scope, row)


def _held(scope: Scope, gate_id: UUID) -> Gate:
    row = scope.get(Gate, gate_id, lock=True)
    scope.require(Permission.RUN_READ, project=row.project_id)
    scope.require(Permission.GATE_MANAGE, project=row.project_id)
    return row


def _checked(scope: Scope, project_id: UUID, rule: Any) -> dict[str, Any]:
    """The rule with its defaults; a fixed baseline must be a run of this project."""
    checked = check_rule(rule)
    baseline = checked.get("baseline", PREVIOUS)
    if baseline != PREVIOUS:
        known = scope.select(TestRun.id).where(TestRun.id == UUID(baseline), TestRun.project_id == project_id)
        if scope.session.scalar(known) is None:
            raise Invalid.field("rule", "The baseline is no run of this project.")
    return checked
