"""What a run freezes of a judge with criteria from a prompt: the words decide, and where they came from stands beside them."""

from uuid import UUID

import pytest

from rhesis_app.authoring.actions.metrics import MetricChanges, NewMetric, create_metric, freeze_metrics, update_metric
from rhesis_app.authoring.actions.prompts import (
    NewPrompt,
    NewPromptVersion,
    archive_prompt,
    create_prompt,
    save_prompt_version,
)
from rhesis_app.authoring.models import MetricVersion
from rhesis_app.authoring.queries.prompts import PromptView
from rhesis_app.infra.runtime import Runtime
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.queries import ProjectView
from tests.people import Person
from tests.tiny_judge import TINY, with_tiny

WORDS = "The answer says “30 days”."


@pytest.fixture
def registry(host: Runtime) -> Registry:
    return with_tiny(host.registry)


@pytest.fixture
def prompt(alice: Person, project: ProjectView) -> PromptView:
    with alice.scope() as scope:
        return create_prompt(scope, NewPrompt(project_id=project.id, name="Days", template=WORDS))


@pytest.fixture
def metric_id(alice: Person, registry: Registry, prompt: PromptView) -> UUID:
    new = NewMetric(project_id=prompt.project_id, name="Days", evaluator=TINY.key, prompt_version_id=prompt.version_id)
    with alice.scope() as scope:
        return create_metric(scope, registry, new).id


def frozen(scope: Scope, registry: Registry, metric_id: UUID) -> MetricVersion:
    return scope.get(MetricVersion, freeze_metrics(scope, registry, [metric_id])[metric_id])


def test_the_words_are_frozen_with_where_they_came_from(
    alice: Person, registry: Registry, prompt: PromptView, metric_id: UUID
) -> None:
    with alice.scope() as scope:
        kept = frozen(scope, registry, metric_id)
        assert (kept.params, kept.prompt_version_id) == ({"criteria": WORDS}, prompt.version_id)


def test_equal_words_are_the_same_frozen_metric_wherever_they_come_from(
    alice: Person, registry: Registry, prompt: PromptView, metric_id: UUID
) -> None:
    with alice.scope() as scope:
        first = frozen(scope, registry, metric_id).id
        update_metric(scope, registry, metric_id, MetricChanges(prompt_version_id=None))
        assert frozen(scope, registry, metric_id).id == first
        other = create_prompt(scope, NewPrompt(project_id=prompt.project_id, name="Same words", template=WORDS))
        update_metric(scope, registry, metric_id, MetricChanges(prompt_version_id=other.version_id))
        assert frozen(scope, registry, metric_id).id == first
    assert alice.count(MetricVersion) == 1


def test_other_words_are_another_frozen_metric_and_the_old_one_stays(
    alice: Person, registry: Registry, prompt: PromptView, metric_id: UUID
) -> None:
    with alice.scope() as scope:
        old = frozen(scope, registry, metric_id)
        newer = save_prompt_version(scope, prompt.id, NewPromptVersion(template="Says “14 days”."))
        assert frozen(scope, registry, metric_id).id == old.id
        update_metric(scope, registry, metric_id, MetricChanges(prompt_version_id=newer.id))
        archive_prompt(scope, prompt.id)
        new = frozen(scope, registry, metric_id)
        assert (new.params["criteria"], new.prompt_version_id) == ("Says “14 days”.", newer.id)
        assert (old.params["criteria"], old.prompt_version_id) == (WORDS, prompt.version_id)
