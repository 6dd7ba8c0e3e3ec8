"""Rights in one project do not reach into another: the guard lets such a person in, the actions decide."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from rhesis_app.authoring.actions import metrics, requirements
from rhesis_app.authoring.actions.attacks import ask_for_attacks
from rhesis_app.authoring.queries.metric_trials import MetricDraft, TriedExchange, prepare_trial
from rhesis_app.authoring.queries.metrics import MetricFilter, get_metric, list_metrics
from rhesis_app.authoring.queries.requirements import RequirementFilter, get_requirement, list_requirements
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import Forbidden, NotFound
from rhesis_app.kernel.paging import PageRequest
from rhesis_app.kernel.permissions import BUILT_IN_ROLES, Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.actions import create_project
from rhesis_app.projects.queries import ProjectView
from tests.people import Person


@pytest.fixture
def elsewhere(alice: Person) -> ProjectView:
    with alice.scope() as scope:
        return create_project(scope, "Warehouse Agent")


@pytest.fixture
def viewer_who_owns_elsewhere(bob: Person, elsewhere: ProjectView) -> Actor:
    return replace(bob.actor, project_permissions={elsewhere.id: BUILT_IN_ROLES["Owner"]})


@pytest.fixture
def ids(alice: Person, project: ProjectView, host: Runtime) -> tuple[UUID, UUID]:
    """A metric and a requirement of the project."""
    with alice.scope() as scope:
        new = metrics.NewMetric(project_id=project.id, name="M", evaluator="text.contains")
        metric_id = metrics.create_metric(scope, host.registry, new).id
        made = requirements.create_requirement(
            scope, requirements.NewRequirement(project_id=project.id, name="R", metric_ids=(metric_id,))
        )
        return metric_id, made.id


CHANGES: dict[str, Callable[[Scope, Runtime, UUID, tuple[UUID, UUID]], object]] = {
    "create_metric": lambda scope, host, project_id, _: metrics.create_metric(
        scope, host.registry, metrics.NewMetric(project_id=project_id, name="N", evaluator="text.contains")
    ),
    "update_metric": lambda scope, host, _, ids: metrics.update_metric(
        scope, host.registry, ids[0], metrics.MetricChanges(name="N")
    ),
    "archive_metric": lambda scope, host, _, ids: metrics.archive_metric(scope, host.registry, ids[0]),
    "restore_metric": lambda scope, host, _, ids: metrics.restore_metric(scope, host.registry, ids[0]),
    "try_metric": lambda scope, host, project_id, _: prepare_trial(
        scope,
        host.registry,
        host.judges,
        MetricDraft(project_id=project_id, evaluator="text.contains"),
        TriedExchange(output="x", expected="x"),
    ),
    "ask_for_attacks": lambda scope, host, _, ids: ask_for_attacks(scope, host.registry, ids[0]),
    "create_requirement": lambda scope, _, project_id, __: requirements.create_requirement(
        scope, requirements.NewRequirement(project_id=project_id, name="N")
    ),
    "update_requirement": lambda scope, _, __, ids: requirements.update_requirement(
        scope, ids[1], requirements.RequirementChanges(name="N")
    ),
    "archive_requirement": lambda scope, _, __, ids: requirements.archive_requirement(scope, ids[1]),
    "restore_requirement": lambda scope, _, __, ids: requirements.restore_requirement(scope, ids[1]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_the_other_project_is_refused(
    host: Runtime, viewer_who_owns_elsewhere: Actor, project: ProjectView, ids: tuple[UUID, UUID], name: str
) -> None:
    with host.open_scope(viewer_who_owns_elsewhere) as scope, pytest.raises(Forbidden):
        CHANGES[name](scope, host, project.id, ids)


@pytest.mark.parametrize("name", ["create_metric", "try_metric", "create_requirement"])
def test_in_the_own_project_it_works(
    host: Runtime, viewer_who_owns_elsewhere: Actor, elsewhere: ProjectView, ids: tuple[UUID, UUID], name: str
) -> None:
    with host.open_scope(viewer_who_owns_elsewhere) as scope:
        assert CHANGES[name](scope, host, elsewhere.id, ids)


def test_who_reads_one_project_sees_only_that_one(
    bob: Person, host: Runtime, elsewhere: ProjectView, project: ProjectView, ids: tuple[UUID, UUID]
) -> None:
    reads = frozenset({Permission.PROJECT_READ, Permission.METRIC_READ, Permission.REQUIREMENT_READ})
    guest = replace(bob.actor, permissions=frozenset(), project_permissions={elsewhere.id: reads})
    with host.open_scope(guest) as scope:
        assert list_metrics(scope, host.registry, PageRequest(), MetricFilter()).items == ()
        assert list_requirements(scope, PageRequest(), RequirementFilter()).items == ()
        with pytest.raises(NotFound):
            list_metrics(scope, host.registry, PageRequest(), MetricFilter(project_id=project.id))
        with pytest.raises(NotFound):
            get_metric(scope, host.registry, ids[0])
        with pytest.raises(NotFound):
            get_requirement(scope, ids[1])


def test_who_may_see_a_project_but_not_its_metrics_lists_none(
    bob: Person, host: Runtime, project: ProjectView, ids: tuple[UUID, UUID]
) -> None:
    guest = replace(bob.actor, permissions=frozenset({Permission.PROJECT_READ}))
    with host.open_scope(guest) as scope:
        assert list_metrics(scope, host.registry, PageRequest(), MetricFilter()).items == ()
        assert list_requirements(scope, PageRequest(), RequirementFilter()).items == ()
        with pytest.raises(Forbidden):
            list_metrics(scope, host.registry, PageRequest(), MetricFilter(project_id=project.id))
        with pytest.raises(Forbidden):
            get_metric(scope, host.registry, ids[0])
