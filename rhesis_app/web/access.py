"""What a route needs. The guard refuses every route that is neither public nor marked here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask
from flask.views import View

from rhesis_app.kernel.permissions import Permission

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """`permission` None means: anybody who is signed in."""

    permission: Permission | None


def needs(permission: Permission) -> Callable[[Function], Function]:
    """The route needs this permission, in the organization or in a project of it; the action decides exactly."""
    return _mark(Access(permission))


def needs_sign_in(function: Function) -> Function:
    """The route needs somebody signed in, whatever the role."""
    return _mark(Access(None))(function)


def access_of(app: Flask, endpoint: str, method: str) -> Access | None:
    """What the rule behind `endpoint` needs for `method`; None when nobody said so."""
    view: Any = app.view_functions[endpoint]
    view_class = getattr(view, "view_class", None)
    if isinstance(view_class, type) and issubclass(view_class, View):
        view = getattr(view_class, "get" if method == "HEAD" else method.lower(), None)
    marked = getattr(view, "_access", None)
    return marked if isinstance(marked, Access) else None


def _mark(access: Access) -> Callable[[Function], Function]:
    def mark(function: Function) -> Function:
        function._access = access  # type: ignore[attr-defined]  # noqa: SLF001 functools.wraps carries it along
        return function

    return mark
