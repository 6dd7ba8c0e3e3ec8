"""What an endpoint is made of, and everything that can be wrong with it, said at once and at its field."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from rhesis_app.endpoints.models import Endpoint
from rhesis_app.endpoints.rules import (
    MAX_CONCURRENCY,
    METHODS,
    TIMEOUT_S,
    MappingProblem,
    TemplateProblem,
    auth_problem,
    bounds_problem,
    compile_mapping,
    compile_template,
    header_problems,
    url_problem,
)
from rhesis_app.endpoints.rules.models import price_problems
from rhesis_app.infra.crypto import SecretBox
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ports import HttpDoor, OutboundFailure, Prices
from rhesis_app.sdk.params import is_storable

LONGEST_NAME: Final = 120
_LARGEST_TEMPLATE: Final = 100_000
Problems = dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What endpoints need of the world outside the database."""

    door: HttpDoor
    secrets: SecretBox


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How calls authenticate. `secret` None keeps the stored one."""

    kind: str = "none"
    header: str | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """An endpoint to make, from a body or a form."""

    project_id: UUID
    name: str
    url: str
    request_template: Any
    response_mapping: Mapping[str, Any]
    method: str = "POST"
    headers: Mapping[str, Any] = field(default_factory=dict)
    auth: Auth = field(default_factory=Auth)
    timeout_s: int = 60
    max_concurrency: int = 16
    prices: Prices = field(default_factory=Prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChanges:
    """What changes of an endpoint; None leaves it as it is."""

    name: str | None = None
    url: str | None = None
    request_template: Any = None
    response_mapping: Mapping[str, Any] | None = None
    method: str | None = None
    headers: Mapping[str, Any] | None = None
    auth: Auth | None = None
    timeout_s: int | None = None
    max_concurrency: int | None = None
    prices: Prices | None = None


def with_changes(row: Endpoint, changes: EndpointChanges) -> NewEndpoint:
    """The endpoint as it will be; its secret is None unless the changes bring one."""

    def chosen(name: str) -> Any:
        wanted = getattr(changes, name)
        return getattr(row, name) if wanted is None else wanted

    return NewEndpoint(
        project_id=row.project_id,
        name=chosen("name"),
        url=chosen("url"),
        request_template=chosen("request_template"),
        response_mapping=chosen("response_mapping"),
        method=chosen("method"),
        headers=chosen("headers"),
        auth=changes.auth or Auth(kind=row.auth_kind, header=row.auth_header),
        timeout_s=chosen("timeout_s"),
        max_concurrency=chosen("max_concurrency"),
        prices=changes.prices or Prices(input_per_million=row.price_input, output_per_million=row.price_output),
    )


def check(endpoint: NewEndpoint, door: HttpDoor | None) -> None:
    """Raise Invalid with every problem. With a `door` also an address that it would refuse unseen is one."""
    found = problems_of(endpoint)
    if door is not None and "url" not in found:
        try:
            door.check(endpoint.url)
        except OutboundFailure as failure:
            found["url"] = [failure.message]
    if found:
        first = next(iter(found.values()))[0]
        raise Invalid(first if len(found) == 1 else "Some fields of the endpoint need a look.", errors=found)


def problems_of(endpoint: NewEndpoint) -> Problems:
    """Field → sentences; empty when the endpoint can be kept."""
    found: Problems = {}
    for name, sentences in (
        ("name", _name_problems(endpoint.name)),
        ("url", _listed(url_problem(endpoint.url))),
        ("method", [] if endpoint.method in METHODS else [f"Choose one of {', '.join(METHODS)}."]),
        ("headers", header_problems(endpoint.headers)),
        ("request_template", _template_problems(endpoint.request_template)),
        ("timeout_s", _listed(bounds_problem(endpoint.timeout_s, TIMEOUT_S))),
        ("max_concurrency", _listed(bounds_problem(endpoint.max_concurrency, MAX_CONCURRENCY))),
    ):
        if sentences:
            found[name] = sentences
    found |= {name: [sentence] for name, sentence in price_problems(endpoint.prices).items()}
    return found | _mapping_problems(endpoint.response_mapping) | _auth_problems(endpoint.auth)


def _name_problems(name: str) -> list[str]:
    if not is_storable(name):
        return ["The name holds a character that cannot be stored."]
    fits = 0 < len(name.strip()) <= LONGEST_NAME
    return [] if fits else [f"Give the endpoint a name of at most {LONGEST_NAME} characters."]


def _template_problems(template: Any) -> list[str]:
    try:
        compile_template(template)
    except TemplateProblem as problem:
        return [str(problem)]
    too_large = len(json.dumps(template)) > _LARGEST_TEMPLATE
    return ["The template is larger than 100,000 characters."] if too_large else []


def _mapping_problems(mapping: Mapping[str, Any]) -> Problems:
    try:
        compile_mapping(mapping)
    except MappingProblem as problem:
        return {f"response_mapping.{problem.key}" if problem.key else "response_mapping": [problem.message]}
    return {}


def _auth_problems(auth: Auth) -> Problems:
    problem = auth_problem(auth.kind, auth.header, auth.secret)
    return {} if problem is None else {f"auth.{problem[0]}": [problem[1]]}


def _listed(problem: str | None) -> list[str]:
    return [] if problem is None else [problem]
