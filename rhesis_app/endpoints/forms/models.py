"""The model form: its fields carry the names of the API's body, dotted, so that every error finds its field."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from rhesis_app.endpoints.actions.fields import Problems
from rhesis_app.endpoints.actions.models import ModelChanges, NewModel, problems_of
from rhesis_app.endpoints.forms.prices import TypedPrices, prices_in
from rhesis_app.endpoints.queries.models import ModelView
from rhesis_app.endpoints.rules.model_presets import ModelPreset
from rhesis_app.kernel.errors import BadRequest, Invalid
from rhesis_app.web.json_body import read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelForm:
    """Everything as it was typed."""

    name: str = ""
    wire: str = "openai"
    base_url: str = ""
    model_name: str = ""
    key: str = field(default="", repr=False)
    forgets_key: bool = False
    price_input: str = ""
    price_output: str = ""
    params: str = ""
    timeout_s: str = "60"
    max_concurrency: str = "8"
    etag: str = ""


def form_from(posted: Mapping[str, str]) -> ModelForm:
    """The form as it was posted."""
    return ModelForm(
        name=posted.get("name", ""),
        wire=posted.get("wire", "openai"),
        base_url=posted.get("base_url", "").strip(),
        model_name=posted.get("model_name", "").strip(),
        key=posted.get("key", "").strip(),
        forgets_key="forgets_key" in posted,
        price_input=posted.get("prices.input_per_million", "").strip(),
        price_output=posted.get("prices.output_per_million", "").strip(),
        params=posted.get("params", ""),
        timeout_s=posted.get("timeout_s", ""),
        max_concurrency=posted.get("max_concurrency", ""),
        etag=posted.get("etag", ""),
    )


def form_of(view: ModelView) -> ModelForm:
    """A saved model in the form; an empty key keeps the stored one."""
    return ModelForm(
        name=view.name,
        wire=view.wire,
        base_url=view.base_url,
        model_name=view.model_name,
        price_input=view.prices.input_per_million or "",
        price_output=view.prices.output_per_million or "",
        params=json.dumps(view.params, ensure_ascii=False, indent=2) if view.params else "",
        timeout_s=str(view.timeout_s),
        max_concurrency=str(view.max_concurrency),
        etag=view.etag,
    )


def form_of_preset(preset: ModelPreset) -> ModelForm:
    """A known kind of server; the key is the person's own to enter."""
    return ModelForm(wire=preset.wire, base_url=preset.base_url)


def new_model(form: ModelForm, project_id: UUID) -> NewModel:
    """The model to make. Raises Invalid with every problem when something cannot be read."""
    unread: Problems = {}
    made = NewModel(
        project_id=project_id,
        name=form.name,
        wire=form.wire,
        base_url=form.base_url,
        model_name=form.model_name,
        params=_params(form.params, unread),
        prices=prices_in(TypedPrices(input=form.price_input, output=form.price_output), unread),
        key=form.key or None,
        timeout_s=_number("timeout_s", form.timeout_s, unread),
        max_concurrency=_number("max_concurrency", form.max_concurrency, unread),
    )
    if unread:
        raise Invalid("Some fields of the model need a look.", errors=problems_of(made) | unread)
    return made


def model_changes(form: ModelForm, project_id: UUID) -> ModelChanges:
    """The whole form as changes. Raises Invalid like `new_model`."""
    made = new_model(form, project_id)
    return ModelChanges(
        name=made.name,
        wire=made.wire,
        base_url=made.base_url,
        model_name=made.model_name,
        params=made.params,
        prices=made.prices,
        key=made.key,
        forgets_key=form.forgets_key,
        timeout_s=made.timeout_s,
        max_concurrency=made.max_concurrency,
    )


def _params(text: str, unread: Problems) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        found = read_json(text.encode("utf-8", "replace"))
    except BadRequest as problem:
        unread["params"] = [problem.detail.replace("The body", "The text")]
        return {}
    if not isinstance(found, dict):
        unread["params"] = ['Write a JSON object, such as {"temperature": 0}.']
        return {}
    return found


def _number(name: str, text: str, unread: Problems) -> int:
    try:
        return int(text)
    except ValueError:
        unread[name] = ["Enter a whole number."]
        return 0
