"""The API's edge: strict input, answers from view dataclasses, and a document that says both truly."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import urlencode

import orjson
from flask import Flask, Request, Response, request
from flask_smorest import Api, Blueprint
from marshmallow import RAISE, Schema, ValidationError, validate
from marshmallow import fields as ma
from webargs.core import missing
from webargs.flaskparser import FlaskParser
from werkzeug.datastructures import MultiDict

from rhesis_app.kernel.errors import AppError, Invalid
from rhesis_app.kernel.paging import DEFAULT_LIMIT, MAX_LIMIT, Page
from rhesis_app.web.json_body import read_json
from rhesis_app.web.paging import cursors
from rhesis_app.web.schema_of import schema_of

Function = TypeVar("Function", bound=Callable[..., Any])
_FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})
_JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


class UnsupportedType(AppError):
    """A body of another kind than this operation takes."""

    status = 415
    title = "Unsupported media type"


class Input(Schema):
    """The base of every schema for what comes in: unknown names are refused."""

    class Meta:
        """marshmallow's own place for options."""

        unknown = RAISE


class ListArguments(Input):
    """What every list takes."""

    limit = ma.Integer(load_default=DEFAULT_LIMIT, validate=validate.Range(1, MAX_LIMIT))
    cursor = ma.String(load_default=None, validate=validate.Length(max=2000))
    count = ma.Boolean(load_default=False)


class StrictParser(FlaskParser):
    """webargs with unknown query names refused and JSON read strictly."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {"query": RAISE, "json": RAISE, "form": RAISE, "files": RAISE}  # noqa: RUF012

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002 webargs' signature
        """The body as JSON; 415 for another type, 400 for bad JSON, missing when there is none (422 where it is a change)."""
        raw = req.get_data(cache=True)
        if not raw and req.method == "PATCH":
            raise Invalid("Send what is to be changed as a JSON object.")
        if not raw:
            return missing
        if req.mimetype != "application/json":
            raise UnsupportedType("Send the body as application/json.")
        return read_json(raw)

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Query arguments, each at most once unless its field is a list."""
        _refuse_twice(req.args, schema)
        return super().load_querystring(req, schema)

    def load_form(self, req: Request, schema: Schema) -> Any:
        """Fields of a form, each at most once; 415 for a body of another type."""
        _require_form(req)
        _refuse_twice(req.form, schema)
        return super().load_form(req, schema)

    def load_files(self, req: Request, schema: Schema) -> Any:
        """Files of a form, each at most once; 415 for a body of another type."""
        _require_form(req)
        _refuse_twice(req.files, schema)
        return super().load_files(req, schema)

    def handle_error(self, error: ValidationError, *_arguments: Any, **_options: Any) -> NoReturn:
        """All field errors at once, with dotted names."""
        first: Any = next(iter(error.messages.values()), {}) if isinstance(error.messages, dict) else {}
        flat = dict(_flatten(first if isinstance(first, dict) else {"body": first}))
        raise Invalid("Some of what was sent cannot be taken: see “errors”.", errors=flat)


class ApiBlueprint(Blueprint):
    """A smorest blueprint whose answers are view dataclasses."""

    ARGUMENTS_PARSER = StrictParser()

    def answers(
        self, status: int, view: type | None = None, *, many: bool = False, description: str = ""
    ) -> Callable[[Function], Function]:
        """The operation answers `view` (with `many`: a JSON array of it); what it returns is written by orjson as it stands."""
        schema = schema_of(view)(many=many) if view is not None else None

        def decorate(function: Function) -> Function:
            @wraps(function)
            def answer(*arguments: Any, **named: Any) -> Response:
                return _respond(function(*arguments, **named), status)

            return cast(Function, self.response(status, schema, description=description or None)(answer))

        return decorate


class Answer:
    """A value with headers, for operations that say more than the body; `status` where it is not always the same."""

    def __init__(self, value: Any, headers: dict[str, str], *, status: int | None = None) -> None:
        self.value = value
        self.headers = headers
        self.status = status


def _require_form(req: Request) -> None:
    if req.content_length and req.mimetype not in _FORMS:
        raise UnsupportedType("Send the body as multipart/form-data.")


def _refuse_twice(sent: MultiDict[str, Any], schema: Schema) -> None:
    """A second value would be left out in silence."""
    names = (name for name, values in sent.lists() if len(values) > 1)
    twice = [name for name in names if not isinstance(schema.fields.get(name), ma.List)]
    if twice:
        raise Invalid("Something stands twice in what was sent.", errors={name: ["Give this once."] for name in twice})


def _respond(value: Any, status: int) -> Response:
    if isinstance(value, Response):
        return value
    headers: dict[str, str] = {}
    if isinstance(value, Answer):
        status = value.status or status
        value, headers = value.value, value.headers
    if isinstance(value, Page):
        headers |= _page_headers(value)
        value = value.items
    body = b"" if value is None else orjson.dumps(value, option=_JSON_OPTIONS)
    return Response(body, status=status, content_type="application/json", headers=headers)


def _page_headers(page: Page[Any]) -> dict[str, str]:
    previous, following = cursors(page)
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    links = [
        f'<{request.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="{relation}"'
        for relation, cursor in (("next", following), ("prev", previous))
        if cursor
    ]
    headers = {"Link": ", ".join(links)} if links else {}
    if page.total is not None:
        headers["X-Total-Count"] = str(page.total)
    return headers


def _flatten(messages: dict[Any, Any], prefix: str = "") -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for name, value in messages.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            found += _flatten(value, f"{path}.")
        else:
            found.append((path, [str(text) for text in (value if isinstance(value, list) else [value])]))
    return found


class Problem(Schema):
    """RFC 9457, the one shape of every error."""

    type = ma.String(required=True)
    title = ma.String(required=True)
    status = ma.Integer(required=True)
    detail = ma.String(required=True, metadata={"description": "what to do about it"})
    errors = ma.Dict(keys=ma.String(), values=ma.List(ma.String()), metadata={"description": "by field, dotted"})
    request_id = ma.String(required=True)


class DocumentedApi(Api):
    """smorest's Api with our error shape, security and status codes in the document."""

    ERROR_SCHEMA = Problem

    def handle_http_exception(self, error: Any) -> Any:  # pragma: no cover replaced by web.errors right after
        """Ours is registered after this one."""
        raise error


_ALWAYS = {"400", "401", "403", "429", "500", "503"}
PUBLIC_PATHS = frozenset(
    {
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/auth/register",
        "/api/v1/auth/reset",
        "/api/v1/auth/reset/confirm",
        "/api/v1/invitations/accept",
    }
)


def complete_document(document: dict[str, Any], public: frozenset[str]) -> dict[str, Any]:
    """Say for every operation which errors can occur and which credential it takes; the paths in `public` take none."""
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or an API token."}
    }
    components.setdefault("schemas", {}).setdefault("Problem", {})
    components["responses"] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                _join_form_parts(operation, components["schemas"])
                _complete_operation(path, method, operation, public)
    return document


def _complete_operation(path: str, method: str, operation: dict[str, Any], public: frozenset[str]) -> None:
    codes = set(_ALWAYS)
    if "{" in path or any(_names_a_row(one) for one in operation.get("parameters", [])):
        codes.add("404")
    if method != "get":
        codes |= {"404", "409", "413", "415", "422"}
    if operation.get("parameters"):
        codes.add("422")
    if method in {"patch", "delete"}:
        codes.add("412")
    responses = {
        code: answer
        for code, answer in operation.get("responses", {}).items()
        if code != "default" and code not in codes
    }
    responses |= {code: _problem_response(code) for code in sorted(codes)}
    operation["responses"] = responses
    operation["security"] = [] if path in public else [{"bearer": []}]


def _names_a_row(parameter: dict[str, Any]) -> bool:
    """Whether there is no answer without the row that this argument names."""
    return bool(parameter.get("required") and parameter.get("schema", {}).get("format") == "uuid")


def _join_form_parts(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """One multipart body of a form's files and fields: the document library writes files as parameters, which 3.x has not."""
    files = [part for part in operation.get("parameters", []) if part.get("in") == "formData"]
    if not files:
        return
    operation["parameters"] = [part for part in operation["parameters"] if part.get("in") != "formData"]
    (fields,) = operation["requestBody"]["content"].values()
    named = schemas[fields["schema"]["$ref"].rpartition("/")[2]]
    whole = {
        **named,
        "properties": {part["name"]: part["schema"] for part in files} | named["properties"],
        "required": [part["name"] for part in files if part.get("required")] + named.get("required", []),
    }
    operation["requestBody"]["content"] = {"multipart/form-data": {"schema": whole}}


def _problem_response(code: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": f"Problem {code}", "content": {"application/problem+json": {"schema": schema}}}


def register_documents(app: Flask, api: DocumentedApi) -> None:
    """Offer the finished document, made at first use."""

    @cache
    def finished() -> dict[str, Any]:
        return complete_document(api.spec.to_dict(), PUBLIC_PATHS)

    app.extensions["rhesis_openapi"] = finished


def printed_document(app: Flask) -> str:
    """The document as text with a fixed order, for the file that is compared with it."""
    document = app.extensions["rhesis_openapi"]()
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
