"""The import forms, parsed into the actions' arguments."""

from dataclasses import dataclass
from uuid import UUID

from werkzeug.datastructures import FileStorage, MultiDict

from rhesis_app.authoring.actions.imports import NewImport
from rhesis_app.authoring.queries.imports import ImportView
from rhesis_app.authoring.rules.import_columns import METADATA
from rhesis_app.authoring.rules.import_sources import AUTO
from rhesis_app.kernel.errors import Invalid

_CHOICES = (
    ("prompt", "Prompt"),
    ("expected", "Expected answer"),
    ("requirement", "Requirement"),
    ("messages", "Earlier messages"),
    ("context", "Reference context"),
    (METADATA, "Metadata, a JSON object"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadForm:
    """An upload as the form holds it; a file has to be chosen again after an error."""

    test_set_name: str = ""
    format: str = AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRow:
    """A column to be mapped: the name of its select, what it is set to and what there is to choose."""

    column: str
    name: str
    chosen: str
    choices: tuple[tuple[str, str], ...]


def upload_form(form: MultiDict[str, str]) -> UploadForm:
    """What was typed."""
    return UploadForm(test_set_name=form.get("test_set_name", ""), format=form.get("format", AUTO))


def new_import(project_id: UUID, form: UploadForm, file: FileStorage | None) -> NewImport:
    """The form and its file. Raises Invalid at `file` when none was chosen."""
    if file is None or not file.filename:
        raise Invalid.field("file", "Choose a file first.")
    return NewImport(
        project_id=project_id,
        file_name=file.filename,
        content=file.read(),
        test_set_name=form.test_set_name,
        format=form.format,
    )


def column_rows(view: ImportView) -> tuple[ColumnRow, ...]:
    """The columns of an upload as selects."""
    return tuple(_row(place, column, view.mapping[column]) for place, column in enumerate(view.columns))


def mapping_of(view: ImportView, form: MultiDict[str, str]) -> dict[str, str]:
    """The mapping chosen; a column whose select was not sent keeps its field."""
    return {column: form.get(f"column-{place}", view.mapping[column]) for place, column in enumerate(view.columns)}


def _row(place: int, column: str, chosen: str) -> ColumnRow:
    own = f"metadata.{column.removeprefix('metadata.')}"
    extra = {own: own, chosen: chosen}
    named = {key for key, _ in _CHOICES} | {"ignore"}
    choices = (
        *_CHOICES,
        *((key, f"Metadata: {key.removeprefix('metadata.')}") for key in extra if key not in named),
        ("ignore", "Leave out"),
    )
    return ColumnRow(column=column, name=f"column-{place}", chosen=chosen, choices=choices)
