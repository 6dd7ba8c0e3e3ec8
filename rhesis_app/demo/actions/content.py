"""Filling the demonstration's project: the same actions that people use, in one transaction."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from rhesis_app.authoring.actions.metrics import NewMetric, create_metric
from rhesis_app.authoring.actions.requirements import NewRequirement, create_requirement
from rhesis_app.authoring.actions.sets import NewTestSet, create_test_set
from rhesis_app.authoring.rules.tests import TestContent
from rhesis_app.demo.actions.credentials import model_port
from rhesis_app.demo.rules import ABOUT, ENDPOINTS, GATES, PROJECT, RUNS, TEST_SET
from rhesis_app.demo.rules.requirements import METRICS, REQUIREMENTS
from rhesis_app.demo.rules.tests import TESTS
from rhesis_app.endpoints.actions.edit import create_endpoint
from rhesis_app.endpoints.actions.fields import NewEndpoint, Tools
from rhesis_app.endpoints.actions.models import NewModel, create_model
from rhesis_app.endpoints.rules.models import Prices
from rhesis_app.insights.actions.gates import NewGate, create_gate
from rhesis_app.kernel.registry import Registry
from rhesis_app.kernel.scope import Scope
from rhesis_app.projects.actions import create_project
from rhesis_app.runs.actions.plan import Parts
from rhesis_app.runs.actions.start import NewRun, start_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A demonstration that stands; `endpoint_id` is that of its latest run."""

    project_id: UUID
    slug: str
    endpoint_id: UUID
    test_set_id: UUID
    run_ids: tuple[UUID, ...] = ()


def fill(scope: Scope, parts: Parts, port: int) -> Standing:
    """Make the project with everything in it and start its runs: all of it or nothing."""
    with scope.atomic():
        project = create_project(scope, PROJECT, description=ABOUT, is_demo=True)
        endpoints = _endpoints(scope, parts, project.id, port)
        _model(scope, parts, project.id, port)
        _requirements(scope, parts.registry, project.id)
        test_set_id = _test_set(scope, project.id)
        for name, rule in GATES:
            create_gate(scope, NewGate(project_id=project.id, name=name, rule=rule))
        runs = [
            start_run(scope, parts.registry, NewRun(test_set_id=test_set_id, endpoint_id=endpoints[place]))
            for place in RUNS
        ]
    return Standing(
        project_id=project.id,
        slug=project.slug,
        endpoint_id=endpoints[-1],
        test_set_id=test_set_id,
        run_ids=tuple(runs),
    )


def _endpoints(scope: Scope, parts: Parts, project_id: UUID, port: int) -> list[UUID]:
    tools = Tools(door=parts.door, secrets=parts.secrets)
    return [
        create_endpoint(
            scope,
            tools,
            NewEndpoint(
                project_id=project_id,
                name=name,
                url=f"http://127.0.0.1:{port}{path}",
                headers={"Content-Type": "application/json"},
                request_template={"message": "{{ input }}"},
                response_mapping={"output": "$.reply", "context": "$.sources"},
                timeout_s=10,
            ),
        ).id
        for name, path in ENDPOINTS
    ]


def _model(scope: Scope, parts: Parts, project_id: UUID, port: int) -> None:
    create_model(
        scope,
        Tools(door=parts.door, secrets=parts.secrets),
        NewModel(
            project_id=project_id,
            name="Scripted judge",
            wire="openai",
            base_url=f"http://127.0.0.1:{model_port(port)}/v1",
            model_name="scripted",
            prices=Prices(input_per_million=Decimal("0.15"), output_per_million=Decimal("0.60")),
            timeout_s=10,
        ),
    )


def _requirements(scope: Scope, registry: Registry, project_id: UUID) -> None:
    metric_ids = {
        metric.name: create_metric(
            scope,
            registry,
            NewMetric(
                project_id=project_id,
                name=metric.name,
                evaluator=metric.evaluator,
                params=metric.params,
                rule=metric.rule,
                required=metric.required,
                description=metric.description,
            ),
        ).id
        for metric in METRICS
    }
    for requirement in REQUIREMENTS:
        chosen = tuple(metric_ids[name] for name in requirement.metrics)
        new = NewRequirement(
            project_id=project_id, name=requirement.name, description=requirement.description, metric_ids=chosen
        )
        create_requirement(scope, new)


def _test_set(scope: Scope, project_id: UUID) -> UUID:
    contents = tuple(
        TestContent(prompt=test.prompt, expected=test.expected, requirement=test.requirement, metadata=test.metadata)
        for test in TESTS
    )
    new = NewTestSet(project_id=project_id, name=TEST_SET, tests=contents)
    return create_test_set(scope, new).id
