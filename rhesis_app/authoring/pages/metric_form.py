"""The page with a metric's form and, beside it, the box where it is tried."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from flask import Response, url_for

from rhesis_app.authoring.forms.metrics import MetricForm
from rhesis_app.authoring.queries.criteria import JudgeChoices, list_judge_choices
from rhesis_app.authoring.queries.metric_trials import TrialView
from rhesis_app.authoring.queries.metrics import MetricView
from rhesis_app.authoring.rules.metrics import (
    CRITERIA,
    describe_scale,
    in_words,
    rule_in_words,
    takes_criteria,
    usual_needs,
    usual_rule,
    usual_scale,
)
from rhesis_app.endpoints.queries.models import ModelChoice, list_model_choices
from rhesis_app.kernel.errors import AppError
from rhesis_app.kernel.permissions import Permission
from rhesis_app.projects.queries import ProjectView
from rhesis_app.runs.queries.stored_samples import list_sample_choices
from rhesis_app.sdk import EvaluatorSpec, Need
from rhesis_app.sdk.params import ParamField, fields_of
from rhesis_app.web.pages import render_page
from rhesis_app.web.scope import current_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPage:
    """What the form page is about; `metric` is None while it is being made."""

    project: ProjectView
    spec: EvaluatorSpec
    form: MetricForm
    metric: MetricView | None = None


def form_page(
    page: MetricPage, *, error: AppError | None = None, trial: TrialView | None = None, is_trial: bool = False
) -> Response:
    """The form as it was typed, with what is wrong with it; of a trial that stands beside the sample as well."""
    current_scope().require(Permission.METRIC_WRITE, project=page.project.id)
    spec, metric, slug = page.spec, page.metric, page.project.slug
    needs = metric.needs if metric else usual_needs(spec)
    here = {"slug": slug, "metric_id": metric.id} if metric else {"slug": slug}
    scale = usual_scale(spec)
    choices = _judge_choices(page)
    prompt_choices = _prompt_choices(choices)
    errors = _drawn(error, describe_scale(scale)["kind"])
    return render_page(
        "metrics/form.html",
        section="metrics",
        project=page.project,
        status=error.status if error else 200,
        metric=metric,
        evaluator=spec,
        fields=_fields(spec, can_take=bool(prompt_choices)),
        prompt_choices=prompt_choices,
        scale=describe_scale(scale),
        scale_words=str(scale) if spec.has_fixed_scale else "On the scale that is set above.",
        label_choices=[(name, name, "") for name in getattr(scale, "names", ())] if spec.has_fixed_scale else (),
        needs=needs,
        needs_in_words=in_words(needs),
        passes_when=rule_in_words(metric.rule if metric else usual_rule(spec), scale),
        model_choices=_model_choices(page, choices.models) if Need.JUDGE in needs else (),
        stored_choices=_stored_choices(page.project.id),
        form=page.form,
        errors=errors,
        message=error.detail if error else "",
        trial=trial,
        trial_problems=_sentences(spec, errors) if is_trial else (),
        save_url=url_for("metrics.update" if metric else "metrics.create", **here),
        try_url=url_for("metrics.try_metric", slug=slug),
    )


def _model_choices(page: MetricPage, choices: Sequence[ModelChoice]) -> list[tuple[str, str]]:
    """The models that may judge, after the default by its name; a chosen one that is archived is there to be seen."""
    scope, metric = current_scope(), page.metric
    lent = scope.lent_model.model_name if scope.lent_model else "none is connected yet"
    default = next((f"{one.name}, {one.model_name}" for one in choices if one.is_default), lent)
    offered = {str(one.id): f"{one.name}, {one.model_name}" for one in choices}
    if metric is not None and metric.model_id is not None:
        offered.setdefault(str(metric.model_id), f"{metric.model}, archived")
    return [("", f"The project's default ({default})"), *offered.items()]


def _prompt_choices(found: JudgeChoices) -> Sequence[tuple[str, str]]:
    """Versions that may give the criteria, after none; nothing where there are none."""
    return [("", "none: the words below"), *found.versions] if found.versions else ()


def _judge_choices(page: MetricPage) -> JudgeChoices:
    scope, source = current_scope(), page.metric.prompt_source if page.metric else None
    if takes_criteria(page.spec):
        return list_judge_choices(scope, page.project.id, source.prompt_version_id if source else None)
    is_judge = Need.JUDGE in (page.metric.needs if page.metric else usual_needs(page.spec))
    return JudgeChoices(models=list_model_choices(scope, page.project.id) if is_judge else (), versions=())


def _fields(spec: EvaluatorSpec, *, can_take: bool) -> tuple[ParamField, ...]:
    """The settings; criteria may stay empty where a prompt can give them."""
    return tuple(
        replace(one, required=False) if can_take and one.name == CRITERIA else one for one in fields_of(spec.params)
    )


def _stored_choices(project_id: UUID) -> list[tuple[str, str]]:
    """The latest answers to try it on."""
    choices = list_sample_choices(current_scope(), project_id)
    return [("", "none: texts of your own"), *((str(choice.result_id), choice.title) for choice in choices)]


def _drawn(error: AppError | None, kind: str) -> dict[str, list[str]]:
    """The errors under the names of the controls that show them; "" is for those without one."""
    if error is None:
        return {}
    controls = {"params": "", "evaluator": "", "rule": {"range": "rule.bound", "labels": "rule.labels"}.get(kind, "")}
    found: dict[str, list[str]] = {}
    for name, texts in error.errors.items():
        found.setdefault(controls.get(name, name), []).extend(texts)
    return found


_TITLES = {
    "model_id": "Judged by",
    "prompt_version_id": "Criteria from a prompt",
    "rule.bound": "Threshold",
    "rule.labels": "Passing labels",
    "sample.prompt": "Prompt",
    "sample.expected": "Expected answer",
    "sample.output": "Answer",
    "sample.context": "Context",
}


def _sentences(spec: EvaluatorSpec, errors: dict[str, list[str]]) -> tuple[str, ...]:
    """The errors as sentences, each after the title of its control."""
    titles = {**_TITLES, **{f"params.{param.name}": param.title for param in fields_of(spec.params)}}
    said = ((titles.get(name, ""), " ".join(texts)) for name, texts in errors.items())
    return tuple(f"{title}: {text}" if title else text for title, text in said)
