"""The form of a model with a prompt; its fields carry the names of the API's body, so that every error finds its field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rhesis_app.endpoints.actions.calls import Invocation
from rhesis_app.endpoints.actions.model_endpoints import ChosenPrompt, ModelEndpointChanges, NewModelEndpoint
from rhesis_app.endpoints.queries.endpoints import EndpointView
from rhesis_app.kernel.errors import BadRequest, Invalid
from rhesis_app.web.json_body import read_json

_LONGEST_NUMBER = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpointForm:
    """Everything as it was typed, with the sample of a test call."""

    name: str = ""
    model_id: str = ""
    prompt_version_id: str = ""
    role: str = "system"
    timeout_s: str = ""
    max_concurrency: str = ""
    sample_input: str = ""
    sample_metadata: str = ""
    etag: str = ""


def form_from(posted: Mapping[str, str]) -> ModelEndpointForm:
    """The form as it was posted."""
    return ModelEndpointForm(
        name=posted.get("name", ""),
        model_id=posted.get("model_id", ""),
        prompt_version_id=posted.get("prompt_version_id", ""),
        role=posted.get("role", "system"),
        timeout_s=posted.get("timeout_s", "").strip(),
        max_concurrency=posted.get("max_concurrency", "").strip(),
        sample_input=posted.get("sample.input", "").replace("\r\n", "\n"),
        sample_metadata=posted.get("sample.metadata", "").replace("\r\n", "\n"),
        etag=posted.get("etag", ""),
    )


def form_of(view: EndpointView) -> ModelEndpointForm:
    """A saved one in the form."""
    return ModelEndpointForm(
        name=view.name,
        model_id=str(view.model.id) if view.model else "",
        prompt_version_id=str(view.model.prompt_version_id) if view.model else "",
        role=view.model.role if view.model else "system",
        timeout_s=str(view.timeout_s),
        max_concurrency=str(view.max_concurrency),
        etag=view.etag,
    )


def new_model_endpoint(form: ModelEndpointForm, project_id: UUID, prompt: ChosenPrompt) -> NewModelEndpoint:
    """The form as one to make. Raises Invalid at a field."""
    return NewModelEndpoint(project_id=project_id, prompt=prompt, **_plain(form))


def model_endpoint_changes(form: ModelEndpointForm, prompt: ChosenPrompt) -> ModelEndpointChanges:
    """The form as changes: it holds every field. Raises Invalid at a field."""
    return ModelEndpointChanges(prompt=prompt, **_plain(form))


def version_of(form: ModelEndpointForm) -> UUID:
    """The version that was chosen. Raises Invalid at `prompt_version_id`."""
    return _id(form.prompt_version_id, "prompt_version_id", "Choose a prompt.")


def sample_of(form: ModelEndpointForm) -> Invocation:
    """What a test call says. Raises Invalid at `sample.input` or `sample.metadata`."""
    if not form.sample_input.strip():
        raise Invalid.field("sample.input", "Write what a test would ask.")
    return Invocation(input=form.sample_input, metadata=_metadata(form.sample_metadata))


def _metadata(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        found = read_json(text.encode("utf-8", "replace"))
    except BadRequest:
        found = None
    if not isinstance(found, dict):
        raise Invalid.field("sample.metadata", "Give a JSON object with straight quotes.")
    return found


def _plain(form: ModelEndpointForm) -> dict[str, Any]:
    return {
        "name": form.name,
        "model_id": _id(form.model_id, "model_id", "Choose a model."),
        "role": form.role,
        "timeout_s": _number(form.timeout_s, "timeout_s"),
        "max_concurrency": _number(form.max_concurrency, "max_concurrency"),
    }


def _id(text: str, field: str, sentence: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid.field(field, sentence) from None


def _number(text: str, field: str) -> int | None:
    """A whole number; an empty field means the model's own."""
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        raise Invalid.field(field, "Enter a whole number.")
    return int(text)
