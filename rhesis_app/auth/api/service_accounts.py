"""Service accounts and their tokens over the API."""

from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.auth.actions import service_accounts as actions
from rhesis_app.auth.api.identity import NewTokenView, new_token_view
from rhesis_app.auth.queries import (
    ServiceAccountView,
    TokenView,
    list_service_accounts,
    list_service_tokens,
    view_service_account,
)
from rhesis_app.auth.schemas import (
    ServiceAccountArguments,
    ServiceAccountChanges,
    ServiceAccountListArguments,
    TokenArguments,
    TokenListArguments,
    new_token,
)
from rhesis_app.kernel.paging import Page
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import get_project
from rhesis_app.web.access import needs
from rhesis_app.web.openapi import Answer, ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_scope

blueprint = ApiBlueprint(
    "service_accounts_api", __name__, url_prefix="/api/v1/service-accounts", description="Accounts for programs"
)


@blueprint.route("")
class ServiceAccounts(MethodView):
    """All service accounts."""

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(ServiceAccountListArguments, location="query")
    @blueprint.answers(200, ServiceAccountView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[ServiceAccountView]:
        """List the service accounts by name. Needs token:manage as well, as everything here does."""
        return list_service_accounts(current_scope(), page_request(**arguments))

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(ServiceAccountArguments)
    @blueprint.answers(201, ServiceAccountView)
    def post(self, arguments: dict[str, Any]) -> Answer:
        """Make a service account: it never signs in, and its tokens outlive whoever made them."""
        view = actions.create_service_account(current_scope(), **arguments)
        return Answer(view, {"Location": f"/api/v1/service-accounts/{view.id}"})


@blueprint.route("/<uuid:account_id>")
class ServiceAccount(MethodView):
    """One service account."""

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.answers(200, ServiceAccountView)
    def get(self, account_id: UUID) -> ServiceAccountView:
        """Read a service account."""
        return view_service_account(current_scope(), account_id)

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(ServiceAccountChanges)
    @blueprint.answers(200, ServiceAccountView)
    def patch(self, arguments: dict[str, Any], account_id: UUID) -> ServiceAccountView:
        """Change name or role, or switch it off and on; its tokens are refused while it is off."""
        return actions.update_service_account(current_scope(), account_id, **arguments)

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.answers(204)
    def delete(self, account_id: UUID) -> None:
        """End a service account and all its tokens; what it made stays."""
        actions.delete_service_account(current_scope(), account_id)


@blueprint.route("/<uuid:account_id>/tokens")
class ServiceTokens(MethodView):
    """The tokens of a service account."""

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(TokenListArguments, location="query")
    @blueprint.answers(200, TokenView, many=True)
    def get(self, arguments: dict[str, Any], account_id: UUID) -> Page[TokenView]:
        """List the tokens of a service account, newest first."""
        return list_service_tokens(current_scope(), account_id, page_request(**arguments))

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.arguments(TokenArguments)
    @blueprint.answers(201, NewTokenView)
    def post(self, arguments: dict[str, Any], account_id: UUID) -> NewTokenView:
        """Make a token of a service account; its secret is in this answer only."""
        scope, wanted = current_scope(), new_token(arguments)
        if wanted.project_id is not None:
            get_project(scope, wanted.project_id)
        return new_token_view(*actions.create_service_token(scope, account_id, wanted))


@blueprint.route("/<uuid:account_id>/tokens/<uuid:token_id>")
class ServiceToken(MethodView):
    """One token of a service account."""

    @needs(Permission.MEMBER_MANAGE)
    @blueprint.answers(200, TokenView)
    def delete(self, account_id: UUID, token_id: UUID) -> TokenView:
        """Revoke a token of a service account at once, and those it made."""
        return actions.revoke_service_token(current_scope(), account_id, token_id)
