"""Rendering pages inside the layout, and the sentences shown once after a redirect."""

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from flask import Response, current_app, flash, g, get_flashed_messages, render_template
from flask_jwt_extended import get_jwt

from rhesis_app.kernel.permissions import Permission
from rhesis_app.kernel.scope import Scope
from rhesis_app.web.closed_links import without_closed_links
from rhesis_app.web.scope import current_identity, current_scope
from rhesis_app.web.shell import BareShell, Flash, ProjectLink, Shell


class ProjectWords(Protocol):
    """What the layout needs of a project."""

    @property
    def id(self) -> UUID: ...

    @property
    def name(self) -> str: ...

    @property
    def slug(self) -> str: ...


ListProjects = Callable[[Scope], tuple[ProjectLink, ...]]


def render_page(
    template: str, *, section: str = "", project: ProjectWords | None = None, status: int = 200, **views: Any
) -> Response:
    """A page in the layout; `section` is the current entry of the navigation, `views` go to the template by name."""
    html = render_template(template, shell=_shell(section, project), project=project, **views)
    return Response(_open_links_of(html, project), status=status)


def render_bare(template: str, *, status: int = 200, **views: Any) -> Response:
    """A page without navigation: sign-in, first start."""
    return Response(
        render_template(template, shell=BareShell(nonce=g.nonce, flashes=_flashes()), **views), status=status
    )


def render_fragment(template: str, *, status: int = 200, **views: Any) -> Response:
    """A fragment on its own: the same file the page includes. `project` among the views is the one that it shows."""
    html = render_template(template, csrf_token=csrf_token(), **views)
    return Response(_open_links_of(html, views.get("project")), status=status)


def say(text: str, *, kind: str = "passed", undo_url: str = "") -> None:
    """A sentence for the next page that is rendered."""
    flash({"text": text, "undo_url": undo_url}, kind)  # type: ignore[arg-type]


def csrf_token() -> str:
    """The token that this session's forms and HTMX requests carry; empty where nobody is signed in."""
    return str(get_jwt().get("csrf", "")) if g.get("identity") is not None and g.get("by_cookie") else ""


def safe_next(target: str | None, default: str = "/") -> str:
    """An address of ours to go on to; anything that could lead elsewhere becomes `default`."""
    if (
        not target
        or not target.startswith("/")
        or target.startswith(("//", "/\\"))
        or any(c in target for c in "\r\n\t\\")
    ):
        return default
    parts = urlsplit(target)
    return default if parts.scheme or parts.netloc else target


def _shell(section: str, project: ProjectWords | None) -> Shell:
    identity, scope = current_identity(), current_scope()
    list_projects: ListProjects = current_app.extensions["rhesis_projects"]
    return Shell(
        organization_name=identity.organization_name,
        user_name=identity.user_name,
        user_email=identity.user_email,
        role=identity.role_name,
        nonce=g.nonce,
        csrf_token=csrf_token(),
        theme=identity.theme,  # type: ignore[arg-type]
        project=ProjectLink(name=project.name, slug=project.slug) if project else None,
        projects=list_projects(scope),
        section=section,
        flashes=_flashes(),
        may=frozenset(one for one in Permission if scope.may(one)),
        may_here=scope.actor.permissions_in(project.id) if project else frozenset(),
        reads_projects=scope.actor.may_somewhere(Permission.PROJECT_READ),
        unread=identity.unread,
        delete_after=identity.delete_after,
    )


def _open_links_of(html: str, project: ProjectWords | None) -> str:
    """The page without links that its reader's role closes; none is looked at for whoever reads everything."""
    actor = current_scope().actor
    here = f"/p/{project.slug}/" if project else ""
    return without_closed_links(
        html,
        here=here,
        may_here=lambda one: actor.may(one, project.id) if project else actor.may_somewhere(one),
        may=actor.may_somewhere,
    )


def _flashes() -> tuple[Flash, ...]:
    messages: list[tuple[str, Any]] = get_flashed_messages(with_categories=True)  # type: ignore[assignment]
    return tuple(Flash(kind=kind, **said) for kind, said in messages)  # type: ignore[arg-type]
