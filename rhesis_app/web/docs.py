"""The API's document and the page to try it on."""

from typing import Any, cast

import orjson
from flask import Blueprint, Response, current_app, g, render_template

blueprint = Blueprint("docs", __name__)


@blueprint.get("/api/openapi.json")
def document() -> Response:
    """The OpenAPI 3.1 document."""
    made = cast(dict[str, Any], current_app.extensions["rhesis_openapi"]())
    return Response(orjson.dumps(made), content_type="application/json")


@blueprint.get("/api/docs")
def swagger() -> Response:
    """Swagger UI, from our own files."""
    return Response(render_template("docs/swagger.html", nonce=g.nonce))
