"""Before every request: who is it, and may the route be entered at all. Deny by default."""

from uuid import UUID

from flask import Flask, g, request
from flask_jwt_extended import get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException
from jwt.exceptions import PyJWTError

from rhesis_app.auth.queries import permissions_of
from rhesis_app.auth.rules import is_api_token
from rhesis_app.infra.config import Settings
from rhesis_app.kernel.actor import Actor
from rhesis_app.kernel.errors import AppError, Forbidden, Unauthenticated
from rhesis_app.kernel.host import Host
from rhesis_app.kernel.keys import digest
from rhesis_app.kernel.permissions import known_permissions
from rhesis_app.tenancy.queries.roles import permissions_in_projects
from rhesis_app.web.access import Access, access_of
from rhesis_app.web.scope import Identity, runtime

# Every route that works without anybody signed in. A new one is added here on purpose or not at all.
PUBLIC = frozenset(
    {
        "static",
        "health.health",
        "health.live",
        "health.ready",
        "health.metrics",
        "auth.login",
        "auth.first_start",
        "auth.sign_in_link",
        "auth.submit_code",
        "auth.submit_login",
        "auth.submit_first_start",
        "auth.submit_sign_in_link",
        "invitations.show",
        "invitations.accept",
        "auth_api.accept",
        "auth_api.ask_for_reset",
        "auth_api.confirm_registration",
        "auth_api.confirm_reset",
        "register.ask",
        "register.finish",
        "register.show",
        "register.submit_ask",
        "reset.ask",
        "reset.submit_ask",
        "reset.show",
        "reset.save",
        "sso.start",
        "sso.finish",
        "auth_api.login",
        "auth_api.refresh",
        "auth_api.register",
        "docs.document",
        "docs.swagger",
    }
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE = "This form came from another site, or the page is too old. Reload the page and try again."
_AGAIN = "Your session has ended. Sign in again."
_FIND = "SELECT t.* FROM find_token(:digest) t WHERE may_enter(t.user_id, t.organization_id)"
_CREDENTIAL = "The credential is missing, wrong, revoked or too old. Send “Authorization: Bearer …” with an access token or an API token."


def register_identity(app: Flask) -> None:
    """Look before every request whose it is, so that the rate limit counts by who is there and not by what was sent.

    A credential that is none is refused by the guard, after its sender was counted.
    """

    @app.before_request
    def _identify() -> None:
        if _is_open():
            return
        g.by_cookie = not _is_api()
        try:
            g.identity = _by_cookie(runtime()) if g.by_cookie else _by_header(runtime())
        except AppError as error:
            g.refusal = error


def register_guard(app: Flask, settings: Settings) -> None:
    """Run the guard before every request, with the identity that was found."""

    @app.before_request
    def _guard() -> None:
        if request.endpoint is None:
            return  # no such address: 404 or 405 follows by itself
        if not _is_api() and request.method not in _SAFE:
            _refuse_other_sites(settings)
        if _is_open():
            return
        access = access_of(app, request.endpoint, request.method)
        if access is None:
            raise Forbidden("This address is closed.")
        if "identity" not in g:
            raise g.refusal
        _enter(g.identity.actor, access)


def _is_api() -> bool:
    return request.path.startswith("/api/")


def _is_open() -> bool:
    """Whether nobody is asked who they are: a public route, a method that does nothing, an address that leads nowhere."""
    return request.endpoint is None or request.endpoint in PUBLIC or request.method == "OPTIONS"


def _enter(actor: Actor, access: Access) -> None:
    """Whether the actor has the permission anywhere; the action asks again for the project at hand."""
    if access.permission is None or actor.may_somewhere(access.permission):
        return
    raise Forbidden(
        f"This needs the permission “{access.permission}”. Ask an administrator of the organization for it."
    )


def _refuse_other_sites(settings: Settings) -> None:
    """Sec-Fetch-Site where the browser sends it, else Origin: the forms that have no CSRF token yet rely on this."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    own = {settings.external_url or request.host_url.rstrip("/"), request.host_url.rstrip("/")}
    if site not in {None, "same-origin", "none"} or (origin not in {None, "null"} and origin not in own):
        raise Forbidden(_ELSEWHERE)
    if site is None and origin == "null":
        raise Forbidden(_ELSEWHERE)


def _by_cookie(host: Host) -> Identity:
    try:
        verify_jwt_in_request(locations=["cookies"])
    except CSRFError as error:
        raise Forbidden(_ELSEWHERE) from error
    except (JWTExtendedException, PyJWTError) as error:
        raise Unauthenticated(_AGAIN) from error
    return _of_session(host, "dashboard", _AGAIN)


def _by_header(host: Host) -> Identity:
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential:
        raise Unauthenticated(_CREDENTIAL)
    if credential.startswith("rhx_"):
        return _of_token(host, credential.strip())
    try:
        verify_jwt_in_request(locations=["headers"])
    except (JWTExtendedException, PyJWTError, ValueError) as error:
        raise Unauthenticated(_CREDENTIAL) from error
    return _of_session(host, "api", _CREDENTIAL)


def _of_session(host: Host, kind: str, otherwise: str) -> Identity:
    claims = get_jwt()
    try:
        session_id = UUID(str(claims.get("sid")))
    except ValueError as error:
        raise Unauthenticated(otherwise) from error
    rows = host.ask("SELECT * FROM find_session(:id)", id=session_id)
    if not rows or rows[0]["kind"] != kind:
        raise Unauthenticated(otherwise)
    row = rows[0]
    actor = Actor(
        kind="user",
        user_id=row["user_id"],
        organization_id=row["organization_id"],
        permissions=permissions_of(row),
        project_permissions=permissions_in_projects(row["project_roles"]),
    )
    return Identity(
        actor=actor,
        session_id=row["session_id"],
        user_name=row["user_name"],
        user_email=row["email"],
        organization_name=row["organization_name"],
        role_name=row["role_name"],
        theme=row["theme"],
        is_demo=row["is_demo"],
        delete_after=row["delete_after"],
        unread=row["unread"],
    )


def _of_token(host: Host, secret: str) -> Identity:
    rows = host.ask(_FIND, digest=digest(secret)) if is_api_token(secret) else []
    if not rows:
        raise Unauthenticated(_CREDENTIAL)
    row = rows[0]
    scopes = known_permissions(row["scopes"])
    in_projects = permissions_in_projects(row["project_roles"])
    actor = Actor(
        kind="token",
        user_id=row["user_id"],
        organization_id=row["organization_id"],
        permissions=permissions_of(row) & scopes,
        project_permissions={project: held & scopes for project, held in in_projects.items()},
        only_project=row["project_id"],
        token_id=row["token_id"],
    )
    return Identity(actor=actor)
