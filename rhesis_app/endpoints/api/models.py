"""Models over the API."""

from typing import Any
from uuid import UUID

from flask import request
from flask.views import MethodView

from rhesis_app.endpoints.actions import model_trials, throttle
from rhesis_app.endpoints.actions import models as actions
from rhesis_app.endpoints.actions.fields import Tools
from rhesis_app.endpoints.actions.model_trials import ModelTrialView
from rhesis_app.endpoints.queries import models as queries
from rhesis_app.endpoints.queries.models import ModelFilter, ModelView
from rhesis_app.endpoints.schemas.models import ModelChangesArguments, ModelListArguments, NewModelArguments
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.ports import Prices
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope, release_connection, runtime
from rhesis_app.web.waiting import callout_slot

blueprint = ApiBlueprint(
    "models_api", __name__, url_prefix="/api/v1/models", description="Language models that judge, with their prices"
)


@blueprint.route("")
class Models(MethodView):
    """All models."""

    @needs(Permission.MODEL_READ)
    @blueprint.arguments(ModelListArguments, location="query")
    @blueprint.answers(200, ModelView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[ModelView]:
        """List models, newest first."""
        chosen = ModelFilter(**{name: arguments.pop(name) for name in ("project_id", "archived")})
        return queries.list_models(current_scope(), page_request(**arguments), chosen)

    @needs(Permission.MODEL_WRITE)
    @blueprint.arguments(NewModelArguments)
    @blueprint.answers(201, ModelView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a model. Its `key` is kept encrypted, and sent only to this base URL's scheme, host and port."""
        view = actions.create_model(current_scope(), _tools(), actions.NewModel(**_with_prices(arguments)))
        return Answer(view, {"Location": f"/api/v1/models/{view.id}", "ETag": view.etag})


@blueprint.route("/<uuid:model_id>")
class Model(MethodView):
    """One model."""

    @needs(Permission.MODEL_READ)
    @blueprint.answers(200, ModelView)
    def get(self, model_id: UUID) -> Answer:
        """Read a model; its key is never told."""
        view = queries.get_model(current_scope(), model_id)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.MODEL_WRITE)
    @blueprint.arguments(ModelChangesArguments)
    @blueprint.answers(200, ModelView)
    def patch(self, arguments: dict[str, Any], model_id: UUID) -> Answer:
        """Change only the fields sent; past runs keep theirs. Another scheme, host or port clears the key, and `warnings` says so."""
        forgets = "key" in arguments and arguments["key"] is None
        changes = actions.ModelChanges(**_with_prices(arguments), forgets_key=forgets)
        if_match = request.headers.get("If-Match")
        view = actions.update_model(current_scope(), _tools(), model_id, changes, if_match=if_match)
        return Answer(view, {"ETag": view.etag})

    @needs(Permission.MODEL_DELETE)
    @blueprint.answers(200, ModelView)
    def delete(self, model_id: UUID) -> ModelView:
        """Archive a model; past runs keep it."""
        return actions.archive_model(current_scope(), model_id)


@blueprint.route("/<uuid:model_id>/restore", methods=["POST"])
@needs(Permission.MODEL_DELETE)
@blueprint.answers(200, ModelView)
def restore(model_id: UUID) -> ModelView:
    """Bring an archived model back."""
    return actions.restore_model(current_scope(), model_id)


@blueprint.route("/<uuid:model_id>/throttle/reset", methods=["POST"])
@needs(Permission.MODEL_WRITE)
@blueprint.answers(200, ModelView)
def reset_throttle(model_id: UUID) -> ModelView:
    """Call it again now: ends a pause, brings back all its turns, and lets one call through an open breaker.

    Runs go on within ten seconds.
    """
    return throttle.reset_model_throttle(current_scope(), model_id)


@blueprint.route("/<uuid:model_id>/test", methods=["POST"])
@needs(Permission.MODEL_WRITE)
@blueprint.answers(200, ModelTrialView)
def test(model_id: UUID) -> ModelTrialView:
    """Ask the model one small question. What goes wrong out there answers 200 with `error_code` and `error_detail`."""
    with callout_slot():
        prepared = model_trials.prepare_model_trial(current_scope(), runtime().judges, model_id)
        release_connection()
        return model_trials.try_model(runtime().models, prepared)


def _tools() -> Tools:
    return Tools(door=runtime().door, secrets=runtime().secrets)


def _with_prices(arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, "prices": Prices(**arguments["prices"])} if "prices" in arguments else arguments
