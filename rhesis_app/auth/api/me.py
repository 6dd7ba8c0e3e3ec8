"""One's own account and sessions over the API."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask.views import MethodView

from rhesis_app.auth.actions.account import change_password, update_me
from rhesis_app.auth.actions.proof import Proof
from rhesis_app.auth.actions.sessions import end_all_sessions, end_other_sessions, end_session
from rhesis_app.auth.queries import MeView, SessionView, list_sessions, view_me
from rhesis_app.auth.schemas import MeChanges, PasswordArguments, SessionListArguments
from rhesis_app.kernel.paging import Page
from rhesis_app.web.access import needs_sign_in
from rhesis_app.web.openapi import ApiBlueprint
from rhesis_app.web.paging import page_request
from rhesis_app.web.scope import current_identity, current_scope, runtime

blueprint = ApiBlueprint("me_api", __name__, url_prefix="/api/v1", description="One's own account and sessions")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSessions:
    """How many sessions were ended."""

    ended: int


@blueprint.route("/me")
class Me(MethodView):
    """Oneself."""

    @needs_sign_in
    @blueprint.answers(200, MeView)
    def get(self) -> MeView:
        """Who the credential belongs to."""
        return view_me(current_scope())

    @needs_sign_in
    @blueprint.arguments(MeChanges)
    @blueprint.answers(200, MeView)
    def patch(self, arguments: dict[str, Any]) -> MeView:
        """Change one's name or theme; not with an API token."""
        return update_me(current_scope(), current_identity().session_id, **arguments)


@blueprint.route("/me/password", methods=["POST"])
@needs_sign_in
@blueprint.arguments(PasswordArguments)
@blueprint.answers(204)
def password(arguments: dict[str, str]) -> None:
    """Change one's password; every other session ends. Not with an API token."""
    proof = Proof(password=arguments["current_password"], code=arguments["code"])
    change_password(runtime(), current_scope(), current_identity().session_id, proof, arguments["new_password"])


@blueprint.route("/sessions")
class Sessions(MethodView):
    """One's own sessions."""

    @needs_sign_in
    @blueprint.arguments(SessionListArguments, location="query")
    @blueprint.answers(200, SessionView, many=True)
    def get(self, arguments: dict[str, Any]) -> Page[SessionView]:
        """List one's sessions that last, newest first."""
        return list_sessions(current_scope(), page_request(**arguments))


@blueprint.route("/sessions/<uuid:session_id>")
class Session(MethodView):
    """One session."""

    @needs_sign_in
    @blueprint.answers(204)
    def delete(self, session_id: UUID) -> None:
        """End a session: its tokens work no more. Not with an API token."""
        end_session(current_scope(), session_id)


@blueprint.route("/sessions/end-others", methods=["POST"])
@needs_sign_in
@blueprint.answers(200, EndedSessions)
def end_others() -> EndedSessions:
    """End every session but this one. Not with an API token."""
    return EndedSessions(ended=end_other_sessions(current_scope(), current_identity().session_id))


@blueprint.route("/sessions/end-all", methods=["POST"])
@needs_sign_in
@blueprint.answers(200, EndedSessions)
def end_all() -> EndedSessions:
    """End every session, this one as well. Not with an API token."""
    return EndedSessions(ended=end_all_sessions(current_scope()))
