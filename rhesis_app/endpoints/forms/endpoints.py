"""The endpoint form: its fields carry the names of the API's body, dotted, so that every error finds its field."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from rhesis_app.endpoints.actions.fields import (
    LONGEST_NAME,
    Auth,
    EndpointChanges,
    NewEndpoint,
    Problems,
    problems_of,
)
from rhesis_app.endpoints.forms.prices import TypedPrices, prices_in, typed_prices
from rhesis_app.endpoints.queries.endpoints import EndpointView
from rhesis_app.endpoints.rules import Preset, SuggestedEndpoint
from rhesis_app.endpoints.rules.mappings import KEYS, OUTPUT
from rhesis_app.kernel.errors import BadRequest, Invalid
from rhesis_app.web.json_body import read_json

SAMPLE: Final = "Hello! What can you help me with?"
_MAPPING: Final = "response_mapping."
_NEEDED_ONLY_WHEN_SAVED: Final = ("name",)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointForm:
    """Everything as it was typed. `map_to` is the field that a click in the answer feeds."""

    name: str = ""
    url: str = ""
    method: str = "POST"
    headers: str = ""
    request_template: str = ""
    mapping: Mapping[str, str] = field(default_factory=dict)
    auth_kind: str = "none"
    auth_header: str = ""
    secret: str = field(default="", repr=False)
    timeout_s: str = "60"
    max_concurrency: str = "16"
    prices: TypedPrices = field(default_factory=TypedPrices)
    sample: str = SAMPLE
    map_to: str = OUTPUT
    etag: str = ""


def form_from(posted: Mapping[str, str]) -> EndpointForm:
    """The form as it was posted."""
    return EndpointForm(
        name=posted.get("name", ""),
        url=posted.get("url", "").strip(),
        method=posted.get("method", "POST"),
        headers=posted.get("headers", ""),
        request_template=posted.get("request_template", ""),
        mapping={key: path for key in KEYS if (path := posted.get(f"{_MAPPING}{key}", "").strip())},
        auth_kind=posted.get("auth.kind", "none"),
        auth_header=posted.get("auth.header", "").strip(),
        secret=posted.get("auth.secret", ""),
        timeout_s=posted.get("timeout_s", ""),
        max_concurrency=posted.get("max_concurrency", ""),
        prices=typed_prices(posted),
        sample=posted.get("sample", "") or SAMPLE,
        map_to=posted.get("map_to", OUTPUT),
        etag=posted.get("etag", ""),
    )


def form_of(view: EndpointView) -> EndpointForm:
    """A saved endpoint in the form; an empty secret keeps the stored one."""
    return EndpointForm(
        name=view.name,
        url=view.url,
        method=view.method,
        headers=_header_lines(view.headers),
        request_template=_pretty(view.request_template),
        mapping=view.response_mapping,
        auth_kind=view.auth.kind,
        auth_header=view.auth.header or "",
        timeout_s=str(view.timeout_s),
        max_concurrency=str(view.max_concurrency),
        prices=TypedPrices(input=view.prices.input_per_million or "", output=view.prices.output_per_million or ""),
        etag=view.etag,
    )


def form_of_preset(preset: Preset) -> EndpointForm:
    """A known kind of endpoint; its address is the person's own to enter."""
    return EndpointForm(
        method=preset.method,
        headers=_header_lines(preset.headers),
        request_template=_pretty(preset.request_template),
        mapping=preset.response_mapping,
        auth_kind=preset.auth_kind,
    )


def form_of_curl(suggested: SuggestedEndpoint, taken: Collection[str]) -> EndpointForm:
    """What a pasted command says, under a name that is free."""
    return EndpointForm(
        name=free_name(host_of(suggested.url), taken),
        url=suggested.url,
        method=suggested.method,
        headers=_header_lines(suggested.headers),
        request_template=_pretty(suggested.request_template),
        auth_kind=suggested.auth.kind,
        auth_header=suggested.auth.header or "",
        secret=suggested.auth.secret or "",
    )


def host_of(url: str) -> str:
    """A name for an endpoint that has none yet: where it is."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2][: LONGEST_NAME - 5] or "Endpoint"
    except ValueError:
        return "Endpoint"


def free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, with a number when the project has it already."""
    names = (wanted if number == 1 else f"{wanted} {number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def draft(form: EndpointForm, project_id: UUID) -> tuple[NewEndpoint, Problems]:
    """The endpoint the form describes, and field → sentences for what cannot even be read."""
    unread: Problems = {}
    made = NewEndpoint(
        project_id=project_id,
        name=form.name,
        url=form.url,
        method=form.method,
        headers=_headers(form.headers, unread),
        request_template=_template(form.request_template, unread),
        response_mapping=form.mapping,
        auth=Auth(
            kind=form.auth_kind,
            header=form.auth_header or None if form.auth_kind == "header" else None,
            secret=form.secret or None if form.auth_kind != "none" else None,
        ),
        timeout_s=_number("timeout_s", form.timeout_s, unread),
        max_concurrency=_number("max_concurrency", form.max_concurrency, unread),
        prices=prices_in(form.prices, unread),
    )
    return made, unread


def new_endpoint(form: EndpointForm, project_id: UUID) -> NewEndpoint:
    """The endpoint to make. Raises Invalid with every problem when something cannot be read."""
    made, unread = draft(form, project_id)
    if unread:
        raise Invalid("Some fields of the endpoint need a look.", errors=problems_of(made) | unread)
    return made


def endpoint_changes(form: EndpointForm, project_id: UUID) -> EndpointChanges:
    """The whole form as changes. Raises Invalid like `new_endpoint`."""
    made = new_endpoint(form, project_id)
    return EndpointChanges(
        name=made.name,
        url=made.url,
        method=made.method,
        headers=made.headers,
        request_template=made.request_template,
        response_mapping=made.response_mapping,
        auth=made.auth,
        timeout_s=made.timeout_s,
        max_concurrency=made.max_concurrency,
        prices=made.prices,
    )


def trial_draft(form: EndpointForm, project_id: UUID) -> NewEndpoint:
    """The endpoint to try: no name is needed yet, and no reply path. Raises Invalid with every other problem."""
    made, unread = draft(form, project_id)
    needless = {*_NEEDED_ONLY_WHEN_SAVED, *([] if OUTPUT in form.mapping else [f"{_MAPPING}{OUTPUT}"])}
    found = {name: said for name, said in (problems_of(made) | unread).items() if name not in needless}
    if found:
        raise Invalid("Before a call can be made, some fields need a look.", errors=found)
    return made


def _headers(lines: str, unread: Problems) -> dict[str, str]:
    made: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in lines.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or name.strip() in made:
            unread["headers"] = [
                f"Write one header a line, each once, such as “X-Tenant: acme”; look at “{line[:60]}”."
            ]
        made[name.strip()] = value.strip()
    return made


def _template(text: str, unread: Problems) -> Any:
    try:
        return read_json(text.encode("utf-8", "replace"))
    except BadRequest as problem:
        sentence = problem.detail.replace("The body", "The template")
        unread["request_template"] = [f'{sentence} Placeholders stand inside double quotes: "{{{{ input }}}}".']
        return None


def _number(name: str, text: str, unread: Problems) -> int:
    try:
        return int(text)
    except ValueError:
        unread[name] = ["Enter a whole number."]
        return 0


def _header_lines(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
