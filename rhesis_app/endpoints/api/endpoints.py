"""Endpoints over the API."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.authoring.queries.prompt_choices import text_of_version
from rhesis_app.endpoints.actions import calls, edit, model_endpoints, throttle
from rhesis_app.endpoints.actions.calls import Invocation
from rhesis_app.endpoints.actions.exchange import Exchange
from rhesis_app.endpoints.actions.fields import Auth, EndpointChanges, NewEndpoint, Tools
from rhesis_app.endpoints.actions.model_endpoints import ChosenPrompt, ModelEndpointChanges, NewModelEndpoint
from rhesis_app.endpoints.queries import endpoints as queries
from rhesis_app.endpoints.queries.endpoints import EndpointView
from rhesis_app.endpoints.rules.models import money
from rhesis_app.endpoints.schemas.endpoints import (
    OF_HTTP,
    OF_MODEL,
    EndpointChangesArguments,
    EndpointListArguments,
    InvocationArguments,
    NewEndpointArguments,
)
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.ports import Prices
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope, release_connection, runtime
from rhesis_app.web.waiting import callout_slot

blueprint = ApiBlueprint(
    "endpoints_api", __name__, url_prefix="/api/v1/endpoints", description="The systems under test"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationView:
    """What one call gave. Without an `error_code` there is an `output`; `error_detail` says what to do.

    `cost` is in US dollars, null where neither the answer nor prices tell it.
    """

    output: str | None
    latency_ms: float | None
    request: dict[str, Any]
    response: dict[str, Any] | None
    error_code: str | None
    error_detail: str | None
    context: tuple[str, ...]
    tool_calls: tuple[dict[str, Any], ...]
    tokens_in: int | None
    tokens_out: int | None
    cost: str | None


@blueprint.route("")
class Endpoints(MethodView):
    """All endpoints."""

    @needs(Permission.ENDPOINT_READ)
    @blueprint.arguments(EndpointListArguments, location="query")
    @blueprint.answers(200, EndpointView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[EndpointView]:
        """List endpoints, newest first."""
        chosen = {name: arguments.pop(name) for name in ("project_id", "archived")}
        return queries.list_endpoints(current_scope(), page_request(**arguments), **chosen)

    @needs(Permission.ENDPOINT_WRITE)
    @blueprint.arguments(NewEndpointArguments)
    @blueprint.answers(201, EndpointView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make an endpoint. `auth.secret` is kept encrypted, and sent only to this URL's scheme, host and port.

        Of kind `model` it is a model of the project that is told a prompt's version for each test.
        """
        make = {"http": _create, "model": _create_with_model}[arguments.pop("kind")]
        view = make(arguments)
        return Answer(view, {"Location": f"/api/v1/endpoints/{view.id}", "ETag": view.etag})


@blueprint.route("/<uuid:endpoint_id>")
class Endpoint(MethodView):
    """One endpoint."""

    @needs(Permission.ENDPOINT_READ)
    @blueprint.answers(200, EndpointView)
    def get(self, endpoint_id: UUID) -> Answer:
        """Read an endpoint; its secret is never told."""
        view = queries.get_endpoint(current_scope(), endpoint_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.ENDPOINT_WRITE)
    @blueprint.arguments(EndpointChangesArguments)
    @blueprint.answers(200, EndpointView)
    def patch(self, arguments: dict[str, Any], endpoint_id: UUID) -> Answer:
        """Change only the fields sent. Another scheme, host or port clears the secret, and `warnings` says so."""
        change = {"http": _update, "model": _update_with_model}[queries.get_endpoint(current_scope(), endpoint_id).kind]
        view = change(endpoint_id, arguments)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.ENDPOINT_DELETE)
    @blueprint.answers(200, EndpointView)
    def delete(self, endpoint_id: UUID) -> EndpointView:
        """Archive an endpoint; its runs stay."""
        return edit.archive_endpoint(current_scope(), endpoint_id)


@blueprint.route("/<uuid:endpoint_id>/restore", methods=["POST"])
@needs(Permission.ENDPOINT_DELETE)
@blueprint.answers(200, EndpointView)
def restore(endpoint_id: UUID) -> EndpointView:
    """Bring an archived endpoint back."""
    return edit.restore_endpoint(current_scope(), endpoint_id)


@blueprint.route("/<uuid:endpoint_id>/throttle/reset", methods=["POST"])
@needs(Permission.ENDPOINT_WRITE)
@blueprint.answers(200, EndpointView)
def reset_throttle(endpoint_id: UUID) -> EndpointView:
    """Ask again now: ends a pause, brings back the whole limit, and lets one call through an open breaker.

    Runs go on within ten seconds.
    """
    return throttle.reset_throttle(current_scope(), endpoint_id)


@blueprint.route("/<uuid:endpoint_id>/invoke", methods=["POST"])
@needs(Permission.ENDPOINT_INVOKE)
@blueprint.arguments(InvocationArguments)
@blueprint.answers(200, InvocationView)
def invoke(arguments: dict[str, Any], endpoint_id: UUID) -> InvocationView:
    """Call the endpoint once. What goes wrong out there answers 200 with `error_code` and `error_detail`."""
    invocation = Invocation(
        input=arguments["input"],
        messages=tuple(arguments["messages"]),
        context=tuple(arguments["context"]),
        metadata=arguments["metadata"],
    )
    with callout_slot():
        prepared = calls.prepare_invocation(current_scope(), _tools(), endpoint_id)
        release_connection()
        return _view(calls.invoke(runtime().door, prepared, invocation))


def _tools() -> Tools:
    return Tools(door=runtime().door, secrets=runtime().secrets)


def _create(arguments: dict[str, Any]) -> EndpointView:
    return edit.create_endpoint(current_scope(), _tools(), NewEndpoint(**_with_parts(arguments)))


def _create_with_model(arguments: dict[str, Any]) -> EndpointView:
    chosen = _with_prompt(arguments, arguments["project_id"])
    return model_endpoints.create_model_endpoint(current_scope(), NewModelEndpoint(**chosen))


def _update(endpoint_id: UUID, arguments: dict[str, Any]) -> EndpointView:
    _refuse(arguments, OF_MODEL, edit.NOT_OF_HTTP)
    changes, if_match = EndpointChanges(**_with_parts(arguments)), request.headers.get("If-Match")
    return edit.update_endpoint(current_scope(), _tools(), endpoint_id, changes, if_match=if_match)


def _update_with_model(endpoint_id: UUID, arguments: dict[str, Any]) -> EndpointView:
    _refuse(arguments, OF_HTTP, edit.OTHER_KIND)
    project_id = queries.get_endpoint(current_scope(), endpoint_id).project_id
    changes = ModelEndpointChanges(**_with_prompt(arguments, project_id))
    if_match = request.headers.get("If-Match")
    return model_endpoints.update_model_endpoint(current_scope(), endpoint_id, changes, if_match=if_match)


def _refuse(arguments: dict[str, Any], names: tuple[str, ...], sentence: str) -> None:
    if wrong := [name for name in names if name in arguments]:
        raise Invalid(sentence, errors={name: [sentence] for name in wrong})


def _with_prompt(arguments: dict[str, Any], project_id: UUID) -> dict[str, Any]:
    """The arguments with the version's text, which its owner knows."""
    version_id = arguments.pop("prompt_version_id", None)
    if version_id is None:
        return arguments
    text = text_of_version(current_scope(), project_id, version_id)
    return {**arguments, "prompt": ChosenPrompt(version_id=version_id, text=text)}


def _with_parts(arguments: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"auth": Auth, "prices": Prices}
    return {name: made[name](**value) if name in made else value for name, value in arguments.items()}


def _view(exchange: Exchange) -> InvocationView:
    return InvocationView(
        output=exchange.output,
        latency_ms=exchange.latency_ms,
        request=exchange.request,
        response=exchange.response,
        error_code=exchange.error_code,
        error_detail=exchange.error_detail,
        context=exchange.context,
        tool_calls=exchange.tool_calls,
        tokens_in=exchange.tokens_in,
        tokens_out=exchange.tokens_out,
        cost=money(exchange.cost),
    )
