"""The forms of prompts, parsed into the actions' arguments, and the values that a preview is made with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from werkzeug.datastructures import MultiDict

from rhesis_app.authoring.actions.prompts import NewPrompt, NewPromptVersion
from rhesis_app.authoring.queries.prompts import PromptView
from rhesis_app.authoring.rules.prompts import MAX_VARIABLES, Piece, Variable, read_template
from rhesis_app.kernel.errors import Invalid

VALUES: Final = "values."
NOT_JSON: Final = 'Give JSON with straight quotes, such as {"name": "Ada"}: the prompt reaches inside this value.'


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptForm:
    """A prompt's text as the form holds it; `values` are the samples typed beside it, `etag` the state that is edited."""

    name: str = ""
    template: str = ""
    note: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the form shows beside the text. `problem` says why there is none; `is_complete` when every variable is filled."""

    variables: tuple[Variable, ...] = ()
    pieces: tuple[Piece, ...] = ()
    problem: str = ""
    errors: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to fill in."""
        return bool(self.pieces) and not any(piece.variable for piece in self.pieces)


def prompt_form(form: MultiDict[str, str]) -> PromptForm:
    """What was typed; browsers send line ends as CR LF."""
    return PromptForm(
        name=form.get("name", ""),
        template=_plain(form.get("template", "")),
        note=_plain(form.get("note", "")),
        values=sent_values(form),
        etag=form.get("etag", ""),
    )


def form_of(view: PromptView) -> PromptForm:
    """A prompt whose next version is written."""
    return PromptForm(name=view.name, template=view.template, etag=view.etag)


def new_prompt(project_id: UUID, form: PromptForm) -> NewPrompt:
    """The form as a prompt to make."""
    return NewPrompt(project_id=project_id, name=form.name, template=form.template, note=form.note)


def new_version(form: PromptForm) -> NewPromptVersion:
    """The form as a version to save."""
    return NewPromptVersion(template=form.template, note=form.note)


def sent_values(form: MultiDict[str, str]) -> dict[str, str]:
    """What was typed for each variable, as texts."""
    sent = ((name.removeprefix(VALUES), text) for name, text in form.items() if name.startswith(VALUES))
    return {name: _plain(text) for name, text in list(sent)[: 2 * MAX_VARIABLES]}


def read_values(
    variables: tuple[Variable, ...], sent: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The values that can be filled in, and what is wrong with the others by field; an empty field is no value."""
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for variable in variables:
        text = sent.get(variable.name, "")
        if not text:
            continue
        try:
            values[variable.name] = json.loads(text) if variable.is_structured else text
        except (ValueError, RecursionError):
            errors[f"{VALUES}{variable.name}"] = [NOT_JSON]
    return values, errors


def preview_of(form: PromptForm) -> Preview:
    """The text with the samples filled in, as far as they go."""
    if not form.template.strip():
        return Preview()
    try:
        template = read_template(form.template)
    except Invalid as error:
        typed = tuple(Variable(name=name, is_structured=False, is_required=True) for name in form.values)
        return Preview(variables=typed, problem=error.detail)
    values, errors = read_values(template.variables, form.values)
    return Preview(variables=template.variables, pieces=template.fill(values), errors=errors)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")
