"""What a prompt's text may hold, which variables it has, and how they are filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from rhesis_app.authoring.rules.tests import MAX_TEXT
from rhesis_app.endpoints.rules.placeholders import MISSING, Placeholder, TextProblem, as_text, parse_text
from rhesis_app.kernel.errors import Invalid
from rhesis_app.sdk.params import is_storable

MAX_TEMPLATE: Final = MAX_TEXT
MAX_NOTE: Final = 500
MAX_VARIABLES: Final = 50
MAX_VARIABLE: Final = 80
_SAID_AT_ONCE: Final = 20
LARGEST: Final = 2_147_483_647
"""The largest number that a version can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A free name of a prompt. It `is_structured` where the text reaches inside it, and optional where each use has a default."""

    name: str
    is_structured: bool
    is_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a prompt's text as it is written; `variable` names what a placeholder stands for, empty for plain text."""

    text: str
    variable: str


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A text that was checked."""

    parts: tuple[str | Placeholder, ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The free names, in the order of their first use."""
        used: dict[str, list[Placeholder]] = {}
        for placeholder in self._placeholders():
            used.setdefault(placeholder.path[0], []).append(placeholder)
        return tuple(
            Variable(
                name=name,
                is_structured=any(len(one.path) > 1 for one in uses),
                is_required=not all(one.has_default for one in uses),
            )
            for name, uses in used.items()
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The variables' names alone."""
        return tuple(variable.name for variable in self.variables)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The text as it is written, its placeholders apart."""
        return tuple(
            Piece(text=part, variable="") if isinstance(part, str) else Piece(text=part.written, variable=part.path[0])
            for part in self.parts
        )

    def fill(self, values: Mapping[str, Any]) -> tuple[Piece, ...]:
        """The text with the values there are; placeholders that have none yet stay as they are written."""
        filled = []
        for part in self.parts:
            found = part if isinstance(part, str) else part.find(values)
            if isinstance(part, Placeholder) and found is MISSING:
                filled.append(Piece(text=part.written, variable=part.path[0]))
            else:
                filled.append(Piece(text=as_text(found), variable=""))
        return tuple(filled)

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with `values` put in, as they are and never read again.

        Raises Invalid at `values.<name>` for each value that is missing or that no variable takes.
        """
        self._check(values)
        written, length = [], 0
        for part in self.parts:
            text = part if isinstance(part, str) else as_text(part.find(values))
            written.append(text)
            length += len(text)
            if length > MAX_TEXT:
                raise Invalid.field("values", f"Filled in, the prompt is longer than {MAX_TEXT:,} characters.")
        return "".join(written)

    def _check(self, values: Mapping[str, Any]) -> None:
        names = self.names
        unknown = islice((name for name in values if name not in names), _SAID_AT_ONCE)
        errors = {f"values.{name[:MAX_VARIABLE]}": [_unknown(name, names)] for name in unknown}
        for one in self._placeholders():
            if one.find(values) is MISSING:
                errors.setdefault(f"values.{one.path[0]}", []).append(_missing(one, values))
        if errors:
            sentences = list(dict.fromkeys(text for texts in errors.values() for text in texts))
            raise Invalid(" ".join(sentences[:3]), errors={name: list(dict.fromkeys(errors[name])) for name in errors})

    def _placeholders(self) -> list[Placeholder]:
        return [part for part in self.parts if isinstance(part, Placeholder)]


def read_template(text: str) -> PromptTemplate:
    """A prompt's text, checked. Raises Invalid at `template`."""
    if not text.strip():
        raise Invalid.field("template", "The prompt is empty. Write its text; {{ name }} stands for what changes.")
    if len(text) > MAX_TEMPLATE:
        raise Invalid.field("template", f"Use at most {MAX_TEMPLATE:,} characters; there are {len(text):,}.")
    if not is_storable(text):
        raise Invalid.field("template", "The prompt holds a character that cannot be stored.")
    try:
        template = PromptTemplate(parse_text(text))
    except TextProblem as problem:
        raise Invalid.field("template", str(problem)) from None
    names = template.names
    if len(names) > MAX_VARIABLES:
        raise Invalid.field("template", f"A prompt has at most {MAX_VARIABLES} variables; there are {len(names)}.")
    if any(len(name) > MAX_VARIABLE for name in names):
        raise Invalid.field("template", f"A variable's name has at most {MAX_VARIABLE} characters.")
    return template


def check_note(note: str) -> str:
    """What a version says about itself, trimmed. Raises Invalid at `note`."""
    if len(note) > MAX_NOTE:
        raise Invalid.field("note", f"Use at most {MAX_NOTE} characters.")
    if not is_storable(note):
        raise Invalid.field("note", "The note holds a character that cannot be stored.")
    return note.replace("\r\n", "\n").strip()


def _missing(placeholder: Placeholder, values: Mapping[str, Any]) -> str:
    name, source = placeholder.path[0], placeholder.source
    if name in values:
        return f"“{name}” has nothing at {{{{ {source} }}}}."
    return f'“{name}” has no value. Give one, or write {{{{ {source} | default("…") }}}} in the prompt.'


def _unknown(name: str, names: tuple[str, ...]) -> str:
    known = f"Its variables are: {', '.join(names)}." if names else "It has none."
    return f"The prompt has no variable “{name[:MAX_VARIABLE]}”. {known}"
