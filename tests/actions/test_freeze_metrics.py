"""Freezing metrics: what a run keeps of them."""

from dataclasses import replace
from uuid import UUID

import pytest

from rhesis_app.authoring.actions.metrics import (
    MetricChanges,
    NewMetric,
    archive_metric,
    create_metric,
    freeze_metrics,
    update_metric,
)
from rhesis_app.authoring.models import MetricVersion
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.registry import Registry
from rhesis_app.projects.queries import ProjectView
from tests.people import Person


@pytest.fixture
def registry(host: Runtime) -> Registry:
    return host.registry


@pytest.fixture
def metric_ids(alice: Person, project: ProjectView, registry: Registry) -> list[UUID]:
    with alice.scope() as scope:
        new = [
            NewMetric(project_id=project.id, name="Close", evaluator="text.similarity"),
            NewMetric(project_id=project.id, name="Valid", evaluator="structure.json_valid", required=False),
        ]
        return [create_metric(scope, registry, one).id for one in new]


def frozen(person: Person, registry: Registry, ids: list[UUID]) -> dict[UUID, UUID]:
    with person.scope() as scope:
        return freeze_metrics(scope, registry, ids)


def test_the_same_content_is_frozen_once(alice: Person, registry: Registry, metric_ids: list[UUID]) -> None:
    first = frozen(alice, registry, [*metric_ids, metric_ids[0]])
    assert list(first) == metric_ids
    assert frozen(alice, registry, list(reversed(metric_ids))) == first
    assert alice.count(MetricVersion) == 2


def test_a_change_makes_a_version_and_leaves_the_old_one(
    alice: Person, registry: Registry, metric_ids: list[UUID]
) -> None:
    before = frozen(alice, registry, metric_ids)
    with alice.scope() as scope:
        update_metric(scope, registry, metric_ids[0], MetricChanges(rule={"at_least": 0.5}))
    after = frozen(alice, registry, metric_ids)
    assert after[metric_ids[0]] != before[metric_ids[0]]
    assert after[metric_ids[1]] == before[metric_ids[1]]
    with alice.scope() as scope:
        old, new = (scope.get(MetricVersion, versions[metric_ids[0]]) for versions in (before, after))
        assert (old.rule, new.rule) == ({"at_least": 0.8}, {"at_least": 0.5})
        assert (old.name, old.evaluator_key, old.evaluator_revision) == ("Close", "text.similarity", 1)
        assert old.params["method"] == "characters"
        assert old.required


def test_going_back_finds_the_version_that_was(alice: Person, registry: Registry, metric_ids: list[UUID]) -> None:
    before = frozen(alice, registry, metric_ids)
    for name in ("Other", "Close"):
        with alice.scope() as scope:
            update_metric(scope, registry, metric_ids[0], MetricChanges(name=name))
    assert frozen(alice, registry, metric_ids) == before


def test_a_new_revision_of_the_evaluator_makes_a_version(
    alice: Person, registry: Registry, metric_ids: list[UUID]
) -> None:
    before = frozen(alice, registry, metric_ids)
    raised = replace(registry.evaluators["text.similarity"], revision=2)
    newer = replace(registry, evaluators={**registry.evaluators, "text.similarity": raised})
    after = frozen(alice, newer, metric_ids)
    assert [after[one] == before[one] for one in metric_ids] == [False, True]


def test_a_missing_evaluator_names_the_metric_and_writes_nothing(
    alice: Person, registry: Registry, metric_ids: list[UUID]
) -> None:
    left = {key: spec for key, spec in registry.evaluators.items() if key != "text.similarity"}
    with pytest.raises(Invalid, match=r"“Close” \(text\.similarity\)"):
        frozen(alice, replace(registry, evaluators=left), metric_ids)
    assert alice.count(MetricVersion) == 0


def test_an_archived_metric_is_refused_by_name(alice: Person, registry: Registry, metric_ids: list[UUID]) -> None:
    with alice.scope() as scope:
        archive_metric(scope, registry, metric_ids[1])
    with pytest.raises(Invalid, match="“Valid”"):
        frozen(alice, registry, metric_ids)


def test_an_unknown_and_a_strangers_metric_are_refused(
    charlie: Person, registry: Registry, metric_ids: list[UUID]
) -> None:
    for ids in (metric_ids, [new_id()]):
        with pytest.raises(Invalid) as raised:
            frozen(charlie, registry, ids)
        assert list(raised.value.errors) == ["metric_ids"]


def test_no_metric_at_all_is_fine(alice: Person, registry: Registry) -> None:
    assert frozen(alice, registry, []) == {}
