"""The metric form, parsed into the arguments of actions and trials. What was typed is kept for drawing it again."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from werkzeug.datastructures import MultiDict

from rhesis_app.authoring.actions.metrics import Keep, MetricChanges, NewMetric
from rhesis_app.authoring.queries.metric_trials import MetricDraft, TriedExchange
from rhesis_app.authoring.queries.metrics import MetricView
from rhesis_app.authoring.rules.metrics import CRITERIA, usual_rule, usual_scale
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.sdk import Binary, EvaluatorSpec, Labels, Sample
from rhesis_app.sdk.params import fields_of, read_form


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleForm:
    """The exchange to try the metric on, as typed; `result_id` is the stored result that it was taken from."""

    prompt: str = ""
    expected: str = ""
    output: str = ""
    context: str = ""
    latency_ms: str = ""
    result_id: str = ""

    @classmethod
    def of(cls, result_id: UUID, sample: Sample) -> "SampleForm":
        """A stored result, as if it had been typed."""
        return cls(
            prompt=sample.prompt,
            expected=sample.reference or "",
            output=sample.output,
            context="\n".join(" ".join(passage.split()) for passage in sample.context),
            latency_ms="" if sample.latency_ms is None else f"{sample.latency_ms:.12g}",
            result_id=str(result_id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricForm:
    """A metric as the form holds it. `params` are texts or values by name; `rule` is a rule, or None for the default.

    `bound` is the threshold as typed, `labels` the passing ones; `model_id` is empty for the project's default,
    `prompt_version_id` for criteria of one's own.
    """

    name: str = ""
    description: str = ""
    required: bool = True
    params: Mapping[str, Any] = field(default_factory=dict)
    rule: Mapping[str, Any] | None = None
    comparison: str = "at_least"
    bound: str = ""
    labels: tuple[str, ...] = ()
    model_id: str = ""
    prompt_version_id: str = ""
    etag: str = ""
    sample: SampleForm = SampleForm()


def blank_form(spec: EvaluatorSpec) -> MetricForm:
    """The form of a new metric, with the evaluator's title and defaults; labels of its own are not named yet."""
    if _names_labels(spec):
        return MetricForm(name=spec.title)
    return MetricForm(name=spec.title, **_rule_fields(usual_rule(spec)))


def form_of(view: MetricView) -> MetricForm:
    """A metric to edit."""
    return MetricForm(
        name=view.name,
        description=view.description,
        required=view.required,
        params=view.params,
        model_id=str(view.model_id or ""),
        prompt_version_id=str(view.prompt_source.prompt_version_id) if view.prompt_source else "",
        etag=view.etag,
        **_rule_fields(view.rule),
    )


def metric_form(spec: EvaluatorSpec, form: MultiDict[str, str]) -> MetricForm:
    """What was typed; boxes that are not ticked are not sent."""
    typed = {param.name: form.get(f"params.{param.name}", "") for param in fields_of(spec.params)}
    comparison = "at_most" if form.get("rule.comparison") == "at_most" else "at_least"
    bound, labels = form.get("rule.bound", ""), _labels(spec, form)
    return MetricForm(
        name=form.get("name", ""),
        description=form.get("description", ""),
        required="required" in form,
        params=typed,
        rule=_rule(spec, comparison, bound, labels),
        comparison=comparison,
        bound=bound,
        labels=labels,
        model_id=form.get("model_id", ""),
        prompt_version_id=form.get("prompt_version_id", ""),
        etag=form.get("etag", ""),
        sample=SampleForm(**{name: form.get(f"sample.{name}", "") for name in _SAMPLE_FIELDS}),
    )


_SAMPLE_FIELDS = ("prompt", "expected", "output", "context", "latency_ms", "result_id")


def new_metric(project_id: UUID, spec: EvaluatorSpec, form: MetricForm) -> NewMetric:
    """The form as a metric to make."""
    return NewMetric(
        project_id=project_id,
        name=form.name,
        evaluator=spec.key,
        params=_params(spec, form),
        rule=form.rule,
        model_id=_model_id(form),
        prompt_version_id=_version_id(form),
        required=form.required,
        description=form.description,
    )


def metric_changes(spec: EvaluatorSpec, form: MetricForm, stored: MetricView) -> MetricChanges:
    """The form as changes. It draws no rule for a yes-or-no evaluator, so a metric keeps the one it has."""
    version_id = _version_id(form)
    return MetricChanges(
        name=form.name,
        params=_params(spec, form, stored),
        rule=Keep.KEEP if _draws_no_rule(spec) else form.rule,
        model_id=_model_id(form),
        prompt_version_id=Keep.KEEP if _is_kept(version_id, stored) else version_id,
        required=form.required,
        description=form.description,
    )


def metric_draft(project_id: UUID, spec: EvaluatorSpec, form: MetricForm, stored: MetricView | None) -> MetricDraft:
    """The form as something to try, with the stored rule where the form draws none."""
    rule = stored.rule if _draws_no_rule(spec) and stored is not None else form.rule
    version_id = _version_id(form)
    return MetricDraft(
        project_id=project_id,
        evaluator=spec.key,
        params=_params(spec, form, stored),
        rule=rule,
        model_id=_model_id(form),
        prompt_version_id=None if _is_kept(version_id, stored) else version_id,
    )


def tried_exchange(form: SampleForm, stored: Sample | None = None) -> TriedExchange:
    """The exchange to score; an empty field is not known. What no field shows is the stored result's, if it is one."""
    before = SampleForm.of(new_id(), stored) if stored is not None else SampleForm()
    passages = tuple(line.strip() for line in form.context.splitlines() if line.strip())
    is_same = stored is not None and "\n".join(passages) == before.context
    return TriedExchange(
        prompt=_as_it_was(form.prompt, before.prompt),
        output=_as_it_was(form.output, before.output),
        expected=_as_it_was(form.expected, before.expected) or None,
        context=stored.context if stored is not None and is_same else passages,
        latency_ms=_number(form.latency_ms),
        beside=stored,
    )


def _as_it_was(typed: str, before: str) -> str:
    """What was typed, with plain line ends; a browser sends others, and what was not changed stays as it was stored."""
    plain = typed.replace("\r\n", "\n")
    return before if plain == before.replace("\r\n", "\n") else plain


def id_in(text: str) -> UUID | None:
    """The id that was sent, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _model_id(form: MetricForm) -> UUID | None:
    """The model chosen; None for the project's default. Raises Invalid at `model_id` for what is no id."""
    if not form.model_id:
        return None
    try:
        return UUID(form.model_id)
    except ValueError:
        raise Invalid.field("model_id", "Choose a model of this project that is not archived.") from None


def _version_id(form: MetricForm) -> UUID | None:
    """The version chosen; None for criteria of one's own. Raises Invalid at `prompt_version_id` for what is no id."""
    if not form.prompt_version_id:
        return None
    try:
        return UUID(form.prompt_version_id)
    except ValueError:
        raise Invalid.field("prompt_version_id", "Choose a prompt of this project that is not archived.") from None


def _is_kept(version_id: UUID | None, stored: MetricView | None) -> bool:
    """Whether the version chosen is the one that the metric has: then its words stand in the form, and may be changed there."""
    source = stored.prompt_source if stored is not None else None
    return source is not None and source.prompt_version_id == version_id


def _params(spec: EvaluatorSpec, form: MetricForm, stored: MetricView | None = None) -> dict[str, Any]:
    read = read_form(spec.params, {name: str(text) for name, text in form.params.items()})
    if stored is not None and stored.prompt_source is not None and CRITERIA in read:
        read[CRITERIA] = _as_it_was(read[CRITERIA], str(stored.params[CRITERIA]))
    return read


def _rule(spec: EvaluatorSpec, comparison: str, bound: str, labels: tuple[str, ...]) -> dict[str, Any] | None:
    if _draws_no_rule(spec) or (_names_labels(spec) and not labels):
        return None
    if isinstance(usual_scale(spec), Labels):
        return {"labels": list(labels)}
    number = _number(bound)
    return {comparison: bound if number is None else number}


def _draws_no_rule(spec: EvaluatorSpec) -> bool:
    return isinstance(usual_scale(spec), Binary)


def _names_labels(spec: EvaluatorSpec) -> bool:
    """Whether the labels are among the settings, so that the form cannot offer them as boxes."""
    return not spec.has_fixed_scale and isinstance(usual_scale(spec), Labels)


def _labels(spec: EvaluatorSpec, form: MultiDict[str, str]) -> tuple[str, ...]:
    sent = form.getlist("rule.labels")
    lines = "\n".join(sent).splitlines() if _names_labels(spec) else sent
    return tuple(line.strip() for line in lines if line.strip())


def _rule_fields(rule: Mapping[str, Any]) -> dict[str, Any]:
    ((form, argument),) = rule.items()
    if form == "labels":
        return {"rule": rule, "labels": tuple(argument)}
    return {"rule": rule, "comparison": form, "bound": f"{argument:g}" if argument < 1e6 else str(argument)}


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
