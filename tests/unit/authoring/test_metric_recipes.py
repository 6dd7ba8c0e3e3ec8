"""A metric's recipe held against its evaluator, and the form that describes it."""

from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from rhesis_app.authoring.actions.metrics import Keep
from rhesis_app.authoring.forms.metrics import SampleForm, blank_form, metric_changes, metric_form, tried_exchange
from rhesis_app.authoring.queries.metric_trials import TriedExchange
from rhesis_app.authoring.rules.metrics import (
    check_recipe,
    content_hash,
    describe_scale,
    in_words,
    rule_in_words,
    spec_of,
)
from rhesis_app.authoring.rules.names import check_description, check_name, search_text
from rhesis_app.kernel.errors import Invalid
from rhesis_app.kernel.ids import new_id
from rhesis_app.kernel.registry import Registry
from rhesis_app.sdk import Binary, EvaluatorSpec, Labels, Need, Range, Sample, Scale, Score, param


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    text: str = param("", help="A text.")
    strict: bool = param(True, help="Exactly.")
    limit: int = param(3, help="How many.", minimum=1)


def spec(scale: Scale, **more: object) -> EvaluatorSpec:
    return EvaluatorSpec(
        key="toy.one",
        title="One",
        summary="A toy.",
        params=Params,
        build=lambda _params, _tools: lambda _sample, /: Score.yes("always"),
        scale=scale,
        **more,
    )


GRADES = Labels(("good", "fair", "poor"), passing=("good",))


def test_a_recipe_is_stored_complete() -> None:
    recipe = check_recipe(spec(Range(0, 10)), {"text": "x"}, None)
    assert recipe.params == {"text": "x", "strict": True, "limit": 3}
    assert recipe.rule == {"at_least": 5}


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(Invalid) as raised:
        check_recipe(spec(GRADES), {"limit": 0, "strict": 1, "other": 2}, {"labels": ["bad"]})
    assert set(raised.value.errors) == {"params.limit", "params.strict", "params.other", "rule"}


def test_needs_that_a_plugin_cannot_tell_are_left_to_the_run() -> None:
    def broken(_params: Params) -> frozenset[Need]:
        raise ZeroDivisionError

    assert check_recipe(spec(Binary(), needs=broken), {}, None).needs == ()
    told = spec(Binary(), needs=lambda params: frozenset({Need.TURNS} if params.strict else {Need.CONTEXT}))
    assert check_recipe(told, {"strict": False}, None).needs == ("context",)


def test_an_unknown_key_is_refused_and_cut_short() -> None:
    with pytest.raises(Invalid) as raised:
        spec_of(Registry(), "x" * 500)
    assert len(raised.value.detail) < 200


def test_the_hash_is_of_the_content_and_not_of_its_order() -> None:
    assert content_hash({"a": 1, "b": {"c": 2, "d": 3}}) == content_hash({"b": {"d": 3, "c": 2}, "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": True})
    assert content_hash({"a": "1"}) != content_hash({"a": 1})


def test_a_rule_that_fits_no_more_is_shown_as_it_is_stored() -> None:
    assert rule_in_words({"at_least": 5}, Range(0, 10)) == "at least 5"
    assert rule_in_words({"at_least": 5}, GRADES) == '{"at_least": 5}'


def test_scales_and_needs_are_described() -> None:
    assert describe_scale(GRADES) == {"kind": "labels", "names": ["good", "fair", "poor"], "passing": ["good"]}
    assert describe_scale(Binary()) == {"kind": "binary"}
    assert in_words((Need.LATENCY, Need.REFERENCE, "new")) == ("the test's expected answer", "new")


@pytest.mark.parametrize(
    ("scale", "sent", "rule"),
    [
        (Binary(), {"rule.bound": "1"}, None),
        (Range(0, 1), {"rule.comparison": "at_most", "rule.bound": "0.25"}, {"at_most": 0.25}),
        (Range(0, 1), {"rule.comparison": "x", "rule.bound": "half"}, {"at_least": "half"}),
        (Range(0, 1), {"rule.bound": "nan"}, {"at_least": "nan"}),
        (GRADES, {"rule.labels": ["good", "fair"]}, {"labels": ["good", "fair"]}),
        (GRADES, {}, {"labels": []}),
    ],
)
def test_the_rule_is_read_as_the_scale_draws_it(scale: Scale, sent: dict[str, object], rule: object) -> None:
    assert metric_form(spec(scale), MultiDict(sent)).rule == rule


def test_a_box_that_is_not_ticked_is_a_no_and_a_rule_not_drawn_is_kept() -> None:
    stored: Any = SimpleNamespace(params={}, prompt_source=None)
    changes = metric_changes(spec(Binary()), metric_form(spec(Binary()), MultiDict({"name": "N"})), stored)
    assert changes.params == {"text": "", "strict": False}
    assert changes.rule is Keep.KEEP
    assert changes.required is False


def test_a_new_form_shows_the_usual_rule() -> None:
    assert blank_form(spec(Range(0, 10, better="lower"))).comparison == "at_most"
    assert blank_form(spec(GRADES)).labels == ("good",)
    assert blank_form(spec(Range(0, None, unit="ms"), default_rule={"at_most": 5000})).bound == "5000"


def test_what_was_typed_is_kept_whatever_it_was() -> None:
    form = metric_form(spec(Range(0, 1)), MultiDict({"params.limit": "many", "sample.latency_ms": "soon"}))
    assert form.params["limit"] == "many"
    assert tried_exchange(form.sample).latency_ms is None


STORED = Sample(
    prompt="Line one\nline two",
    output="a\r\nb",
    reference="c\nd",
    context=("A passage\nof two lines.", "Another."),
    metadata={"topic": "returns"},
    latency_ms=812.512345,
)


def typed(**changes: str) -> SampleForm:
    """The stored result as a browser sends it back, with some of it changed."""
    shown = SampleForm.of(new_id(), STORED)
    fields = {name: text.replace("\r\n", "\n").replace("\n", "\r\n") for name, text in asdict(shown).items()}
    return SampleForm(**{**fields, **changes})


def test_a_stored_result_that_nobody_changed_is_scored_as_it_was() -> None:
    tried = tried_exchange(typed(), STORED)
    assert tried == TriedExchange.of(STORED)


def test_what_was_changed_is_taken_and_the_rest_stays() -> None:
    tried = tried_exchange(typed(output="x\r\ny", context="Mine.\r\n"), STORED)
    assert (tried.output, tried.context, tried.prompt) == ("x\ny", ("Mine.",), STORED.prompt)
    assert tried.beside is STORED


def test_pasted_text_has_plain_line_ends() -> None:
    assert tried_exchange(SampleForm(output="a\r\nb")).output == "a\nb"


def test_names_are_trimmed_and_texts_that_cannot_be_stored_refused() -> None:
    assert check_name(" a \n b ", what="metric") == "a b"
    assert check_description(" a\r\nb ") == "a\nb"
    assert search_text(" a\0b ") == "ab"
    for bad in ("", "a\0", "\ud800", "x" * 121):
        with pytest.raises(Invalid):
            check_name(bad, what="metric")
    for bad in ("a\0", "\ud800", "x" * 2001):
        with pytest.raises(Invalid):
            check_description(bad)
