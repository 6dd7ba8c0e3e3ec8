"""What the workbench shows beside the form: the last test call, read against the mapping as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rhesis_app.endpoints.forms.endpoints import EndpointForm
from rhesis_app.endpoints.forms.prices import prices_in
from rhesis_app.endpoints.rules import AnswerError
from rhesis_app.endpoints.rules.mappings import KEYS, OUTPUT
from rhesis_app.endpoints.rules.seen import (
    FoundField,
    SeenCall,
    found_fields,
    marks,
    reading_problem,
    spent_words,
    suggestion_for,
)

LABELS: Final = {
    "output": "Reply",
    "context": "Context",
    "tool_calls": "Tool calls",
    "tokens_in": "Tokens in",
    "tokens_out": "Tokens out",
    "cost": "Cost",
    "session": "Session",
}
assert set(LABELS) == set(KEYS)
_SHOWN_TEXT: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A test call on the page. `problem` says what went wrong and what to do; empty when a reply was found.

    `suggestion` is the path that would find the reply, `seen_text` carries the call along in the form. `spent` says in
    words what the answer came to, by its own cost or by the form's prices.
    """

    seen: SeenCall
    problem: str
    document: Any
    is_json: bool
    text: str
    marks: Mapping[str, str]
    suggestion: str
    seen_text: str
    spent: str

    @property
    def is_answered(self) -> bool:
        """Whether the mapping found a reply."""
        return not self.problem


def report_on(seen: SeenCall | None, form: EndpointForm) -> Report | None:
    """The report of a call, read by the form as it stands; None when there was none."""
    mapping = form.mapping
    if seen is None:
        return None
    problem = reading_problem(mapping, seen)
    try:
        document, is_json = seen.document(), True
    except AnswerError:
        document, is_json = None, False
    return Report(
        seen=seen,
        problem=problem,
        document=document,
        is_json=is_json,
        text=seen.body[:_SHOWN_TEXT],
        marks=marks(mapping, LABELS),
        suggestion=suggestion_for(seen).get(OUTPUT, "") if problem else "",
        seen_text=seen.to_text(),
        spent=spent_words(mapping, seen, prices_in(form.prices, {})),
    )


def mapping_rows(form: EndpointForm, seen: SeenCall | None) -> tuple[tuple[str, FoundField], ...]:
    """(label, field) of the mapping's table; the session is shown only where it is used."""
    rows = found_fields(form.mapping, seen)
    return tuple((LABELS[row.key], row) for row in rows if row.key != "session" or row.path)


def with_suggestion(form: EndpointForm, seen: SeenCall) -> EndpointForm:
    """The form with the mapping that fits the first answer, where nobody has chosen a path yet."""
    if OUTPUT in form.mapping:
        return form
    return replace(form, mapping={**suggestion_for(seen), **form.mapping})


def with_path(form: EndpointForm, key: str, path: str) -> EndpointForm:
    """The form with one path set."""
    return replace(form, mapping={**form.mapping, key: path}) if key in LABELS else form
