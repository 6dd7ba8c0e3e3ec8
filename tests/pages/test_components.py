"""Every component renders under StrictUndefined, escapes what it is given, and says what it must."""

import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from flask import Flask, render_template_string
from jinja2 import UndefinedError

from rhesis_app.web.shell import Flash
from tests.pages import dummy_site as dummy

IMPORTS = "".join(
    f'{{% import "components/{name}.html" as {name} %}}'
    for name in ("actions", "charts", "forms", "icons", "layers", "lists", "outcomes", "params", "texts")
)
HOSTILE = "<script>alert(1)</script>\"'&"
Draw = Callable[..., str]


@pytest.fixture(scope="module")
def site() -> Flask:
    return dummy.build_site()


@pytest.fixture
def draw(site: Flask) -> Draw:
    def _draw(source: str, **values: Any) -> str:
        with site.test_request_context("/"):
            return render_template_string(IMPORTS + source, **values)

    return _draw


class Elements(HTMLParser):
    """All elements with their attributes; refuses tags that are closed wrongly."""

    VOID: ClassVar = {"input", "br", "hr", "link", "meta", "img", "use"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def one(self, tag: str, **attrs: str) -> dict[str, str | None]:
        (match,) = [found for name, found in self.found if name == tag and attrs.items() <= found.items()]
        return match


SAMPLES = (Path(__file__).parent / "component_samples.jinja").read_text(encoding="utf-8")
EVERY_MACRO = dict(re.findall(r"{# == ([\w ]+) #}\n(.*?)(?=\n{# ==|\Z)", SAMPLES, flags=re.DOTALL))

FIELDS = (
    dummy.param("words", "list", required=True, help=HOSTILE),
    dummy.param("pattern", "text", title=HOSTILE),
    dummy.param("limit", "integer", minimum=1, maximum=9, default=3),
    dummy.param("share", "number", minimum=0.5),
    dummy.param("top", "number", maximum=4.5),
    dummy.param("mode", "choice", choices=("any", "all"), default="all"),
    dummy.param("case_sensitive", "boolean", default=True),
    dummy.param("schema", "json", default={"type": HOSTILE}),
    dummy.param("rubric", "text", multiline=True, default=HOSTILE),
)


def values() -> dict[str, Any]:
    return {
        "text": HOSTILE,
        "keys": [
            "passed",
            "failed",
            "error",
            "unscored",
            "running",
            "pending",
            "queued",
            "leased",
            "cancelled",
            "completed",
            "partial",
            "errored",
            "none",
        ],
        "rate": dummy.RATE,
        "empty": dummy.EMPTY_RATE,
        "totals": dummy.TOTALS,
        "running": dummy.RUNNING,
        "gates": [
            SimpleNamespace(name=HOSTILE, words=HOSTILE, sentence=HOSTILE, decision=said)
            for said in ("passed", "failed", "undecided")
        ],
        "part": SimpleNamespace(difference=SimpleNamespace(value=-0.05, low=-0.4, high=0.3)),
        "errors": {"a": [HOSTILE, "Second."]},
        "fields": FIELDS,
        "flashes": [
            Flash(text=HOSTILE, undo_url=HOSTILE),
            Flash(text=HOSTILE, kind="note"),
            Flash(text="x", kind="failed"),
        ],
        "now": dummy.NOW,
        "then": dummy.NOW - timedelta(hours=2),
        "evaluations": [
            dummy.evaluation(metric=HOSTILE, reason=HOSTILE, evidence={HOSTILE: HOSTILE, "n": [HOSTILE]}),
            dummy.evaluation(score=None, label=HOSTILE, low=None, high=None, threshold=None, required=False, detail=""),
            dummy.evaluation(score=None, verdict="error", evidence={}, reason=""),
        ],
        "answer": {"a": {"b": HOSTILE, HOSTILE: 1}, "c": [1, {"d": None}]},
    }


@pytest.mark.parametrize("name", EVERY_MACRO)
def test_every_component_renders_well_formed_and_escapes(draw: Draw, name: str) -> None:
    html = draw(EVERY_MACRO[name], **values())
    assert Elements(html).found
    assert "<script" not in html
    assert "None" not in html


def test_every_macro_of_the_components_is_tried(site: Flask) -> None:
    tried = " ".join(EVERY_MACRO.values())
    for name in ("actions", "charts", "forms", "icons", "layers", "lists", "outcomes", "params", "texts"):
        with site.test_request_context("/"):
            module = site.jinja_env.get_template(f"components/{name}.html").module
        macros = re.findall(r"{% macro ([a-z]\w*)", (dummy.TEMPLATES / "components" / f"{name}.html").read_text())
        inner = {"param_field", "param_hint", "tally", "evaluation"}  # drawn by the others
        missing = [macro for macro in macros if macro not in inner and f"{name}.{macro}(" not in tried]
        assert not missing
        assert all(hasattr(module, macro) for macro in macros)


@pytest.mark.parametrize("source", ["{{ view.missing }}", "{{ missing }}", "{% if view.missing %}{% endif %}"])
def test_what_a_view_lacks_is_an_error_and_not_an_empty_place(draw: Draw, source: str) -> None:
    with pytest.raises(UndefinedError, match="missing"):
        draw(source, view=SimpleNamespace())


def test_a_field_is_wired_to_its_label_hint_and_error(draw: Draw) -> None:
    elements = Elements(
        draw("{{ forms.field('name', 'Name', hint='Short.', errors={'name': ['Give one.']}, prefix='x') }}")
    )
    control = elements.one("input")
    assert control["id"] == elements.one("label")["for"] == "x-name"
    assert control["aria-invalid"] == "true"
    assert (control["aria-describedby"] or "").split() == ["x-name-hint", "x-name-error"]
    assert {attrs.get("id") for _, attrs in elements.found} >= {"x-name-hint", "x-name-error"}


def test_a_field_without_trouble_claims_none(draw: Draw) -> None:
    html = draw("{{ forms.field('name', 'Name', 'a') }}")
    assert "aria-" not in html
    assert 'value="a"' in html


def test_a_password_is_never_sent_back(draw: Draw) -> None:
    assert "hunter2" not in draw("{{ forms.field('password', 'Password', 'hunter2', type='password') }}")


def test_a_text_area_keeps_a_first_empty_line(draw: Draw) -> None:
    assert ">\n\nsecond</textarea>" in draw("{{ forms.textarea('a', 'A', '\\nsecond') }}")


def test_a_rate_never_stands_alone(draw: Draw) -> None:
    html = draw("{{ outcomes.rate_figure(rate, totals) }}", rate=dummy.RATE, totals=dummy.TOTALS).replace("\u00a0", " ")
    for part in ("88.3 %", "[82.0, 92.5]", "128 / 145 passed", "3 errors", "2 unscored"):
        assert part in html


def test_a_rate_of_nothing_has_no_percent(draw: Draw) -> None:
    html = draw(
        "{{ outcomes.rate_figure(rate, totals) }}{{ outcomes.rate_line(rate) }}",
        rate=dummy.EMPTY_RATE,
        totals=dummy.RUNNING,
    )
    assert "nothing decided yet" in html
    assert "0 / 0 passed" in html
    assert "88 waiting" in html
    assert "%" not in html


def test_every_outcome_has_an_icon_and_a_word(draw: Draw) -> None:
    html = draw("{{ outcomes.outcome('unscored') }}{{ outcomes.outcome('failed', is_brief=true) }}")
    assert html.count("<svg") == 2
    assert ">Unscored</span>" in html
    assert '<span class="vh">Failed</span>' in html


def test_params_are_drawn_by_their_kind(draw: Draw) -> None:
    elements = Elements(draw("{{ params.param_form(fields) }}", fields=FIELDS))
    assert elements.one("textarea", name="params.words")["required"] is not None
    assert "required" not in elements.one("textarea", name="params.schema")
    limit = elements.one("input", name="params.limit")
    assert (limit["type"], limit["min"], limit["max"], limit["step"], limit["value"]) == ("number", "1", "9", "1", "3")
    assert elements.one("input", name="params.share")["step"] == "any"
    assert elements.one("select", name="params.mode")
    assert elements.one("option", value="all")["selected"] is None
    assert "checked" in elements.one("input", name="params.case_sensitive", type="checkbox")


def test_a_false_boolean_is_not_ticked(draw: Draw) -> None:
    fields = (dummy.param("strict", "boolean", default=True),)
    assert "checked" not in draw("{{ params.param_form(fields, {'strict': false}) }}", fields=fields)


def test_what_was_typed_wrongly_comes_back_with_its_error(draw: Draw) -> None:
    fields = (dummy.param("limit", "integer", maximum=9),)
    html = draw(
        "{{ params.param_form(fields, {'limit': 'many'}, {'params.limit': ['Must be a number.']}) }}", fields=fields
    )
    assert 'value="many"' in html
    assert "Must be a number." in html


def test_a_click_on_a_leaf_sends_its_path(draw: Draw) -> None:
    html = draw(
        "{{ texts.tree(tree({'reply': {'text': 'hi'}}), {'$.reply.text': 'output'}, 'map') }}".replace(
            "tree({", "json_tree({"
        )
    )
    leaf = Elements(html).one("button", name="map")
    assert leaf["value"] == "$.reply.text"
    assert "is-mapped" in (leaf["class"] or "")


def test_confirming_posts_with_the_token(draw: Draw) -> None:
    elements = Elements(draw("{% call layers.confirm('d', 'Sure?', '/x', 'token', 'Delete') %}All goes.{% endcall %}"))
    assert elements.one("form")["method"] == "post"
    assert elements.one("input", name="csrf_token")["value"] == "token"
    assert elements.one("dialog")["aria-labelledby"] == "d-title"
