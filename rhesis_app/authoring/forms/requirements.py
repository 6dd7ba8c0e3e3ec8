"""The requirement form, parsed into the actions' arguments."""

from dataclasses import dataclass
from uuid import UUID

from werkzeug.datastructures import MultiDict

from rhesis_app.authoring.actions.requirements import NewRequirement, RequirementChanges
from rhesis_app.authoring.queries.requirements import RequirementView


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementForm:
    """A requirement as the form holds it; `metric_ids` are texts, `etag` the state that is edited."""

    name: str = ""
    description: str = ""
    metric_ids: tuple[str, ...] = ()
    etag: str = ""


def requirement_form(form: MultiDict[str, str]) -> RequirementForm:
    """What was typed and ticked."""
    return RequirementForm(
        name=form.get("name", ""),
        description=form.get("description", ""),
        metric_ids=tuple(form.getlist("metric_ids")),
        etag=form.get("etag", ""),
    )


def form_of(view: RequirementView) -> RequirementForm:
    """A requirement to edit."""
    return RequirementForm(
        name=view.name,
        description=view.description,
        metric_ids=tuple(str(metric_id) for metric_id in view.metric_ids),
        etag=view.etag,
    )


def new_requirement(project_id: UUID, form: RequirementForm) -> NewRequirement:
    """The form as a requirement to make."""
    return NewRequirement(
        project_id=project_id, name=form.name, description=form.description, metric_ids=_ids(form.metric_ids)
    )


def requirement_changes(form: RequirementForm) -> RequirementChanges:
    """The form as changes: it holds every field."""
    return RequirementChanges(name=form.name, description=form.description, metric_ids=_ids(form.metric_ids))


def _ids(texts: tuple[str, ...]) -> tuple[UUID, ...]:
    """The ids among what was sent; the boxes of the form send nothing else."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return tuple(found)
