"""Small answers for HTMX: where to go next, what happened, nothing new."""

from flask import Response, redirect, request


def is_fragment_request() -> bool:
    """Whether HTMX asked; used by edges whose form posts answer a redirect either way."""
    return request.headers.get("HX-Request") == "true"


def go_to(address: str) -> Response:
    """After a form post: a redirect for a browser, the same as a header for HTMX."""
    if is_fragment_request():
        return Response("", status=204, headers={"HX-Redirect": address})
    answer = redirect(address, 303)
    return Response(answer.get_data(), status=303, headers={"Location": address})


def nothing_new() -> Response:
    """Polling goes on and nothing is swapped."""
    return Response("", status=204)
