"""What templates remember from one row to the next is what they would have made anew."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, render_template_string
from jinja2 import pass_context
from markupsafe import Markup
from werkzeug.routing import BuildError

from rhesis_app.web.addresses import address_builder
from rhesis_app.web.templating import configure_templates
from tests.pages.dummy_site import build_site

ONE, OTHER = UUID(int=1), UUID("0197a3c1-5b5e-7c20-8d1e-3f6f6a2b9c11")


class Color(StrEnum):
    RED = "red"


@pytest.fixture
def app() -> Flask:
    app = Flask("remembered")
    configure_templates(app)
    app.add_url_rule("/p/<slug>/runs/<int:number>", endpoint="run", view_func=lambda **_parts: "")
    app.add_url_rule("/p/<slug>/tests/<uuid:test_id>", endpoint="test", view_func=lambda **_parts: "")
    app.add_url_rule("/", endpoint="home", view_func=lambda: "")
    return app


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("home", {}),
        ("home", {"q": "50 % off & more", "page": 2}),
        ("home", {"q": "%(page)s %s", "page": 2}),
        ("home", {"page": 2, "q": None, "archived": True, "id": ONE}),
        ("home", {"color": Color.RED, "many": ["a", "b"], "share": 0.5}),
        ("home", {"_anchor": "end", "page": 2}),
        ("home", {"_external": True, "page": 2}),
        ("run", {"slug": "a ü/b", "number": 7}),
        ("run", {"slug": "7", "number": 7, "candidate": 7, "baseline": 77}),
        ("run", {"metric": ONE, "slug": "a", "number": -1, "outcome": "failed"}),
        ("run", {"metric": "1", "slug": Markup("a&b"), "number": 1}),
        ("test", {"slug": "a", "test_id": ONE, "seen": OTHER}),
        ("test", {"slug": "a", "test_id": OTHER, "seen": ONE}),
        ("test", {"slug": "a", "test_id": str(ONE)}),
    ],
)
def test_an_address_is_what_flask_would_have_built(app: Flask, endpoint: str, values: dict[str, Any]) -> None:
    build = address_builder(app)
    for mounted_at in ("", "/rhesis", ""):
        with app.test_request_context("/", environ_overrides={"SCRIPT_NAME": mounted_at}):
            assert build(endpoint, **values) == app.url_for(endpoint, **values)


def test_ids_fill_a_form_that_is_built_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    built, really = [], app.url_for
    monkeypatch.setattr(app, "url_for", lambda endpoint, **values: built.append(endpoint) or really(endpoint, **values))
    build = address_builder(app)
    with app.test_request_context("/"):
        assert [build("run", slug="a", number=n) for n in (1, 2, 3)] == [f"/p/a/runs/{n}" for n in (1, 2, 3)]
        assert build("run", slug="b", number=1) == "/p/b/runs/1"
    assert built == ["run", "run"]


def test_an_address_that_lacks_a_part_is_refused(app: Flask) -> None:
    build = address_builder(app)
    with app.test_request_context("/"):
        for _ in range(2):
            with pytest.raises(BuildError):
                build("run", slug="a")


DRAWN = (
    "{% macro _draw(text, times=1) %}<b>{{ count() }} {{ text }} {{ times }}</b>{% endmacro %}"
    "{% set draw = memoized(_draw) %}"
)


def test_a_memoized_macro_draws_once_for_the_same_arguments(app: Flask) -> None:
    drawn: list[None] = []
    app.jinja_env.globals.update(count=lambda: drawn.append(None) or len(drawn))
    with app.test_request_context("/"):
        said = render_template_string(DRAWN + "{{ draw('a') }}{{ draw('a') }}{{ draw('a', times=2) }}{{ draw('<i>') }}")
    assert said == "<b>1 a 1</b><b>1 a 1</b><b>2 a 2</b><b>3 &lt;i&gt; 1</b>"


def test_arguments_that_only_compare_equal_are_kept_apart(app: Flask) -> None:
    app.jinja_env.globals.update(count=lambda: "", marked=Markup("<i>"))
    with app.test_request_context("/"):
        said = render_template_string(DRAWN + "{{ draw(1) }}{{ draw(true) }}{{ draw('<i>') }}{{ draw(marked) }}")
    assert said == "<b> 1 1</b><b> True 1</b><b> &lt;i&gt; 1</b><b> <i> 1</b>"


def test_icons_follow_where_the_app_is_mounted() -> None:
    site = build_site()
    shown = '{% from "components/icons.html" import icon %}{{ icon("play") }}'
    for mounted_at in ("", "/rhesis", ""):
        with site.test_request_context("/", environ_overrides={"SCRIPT_NAME": mounted_at}):
            assert f'href="{mounted_at}/static/img/icons.svg' in render_template_string(shown)


def test_a_function_that_asks_for_the_context_gets_it(app: Flask) -> None:
    @pass_context
    def told(context: Any) -> str:
        return str(context["name"])

    app.jinja_env.globals["told"] = told
    with app.test_request_context("/"):
        assert render_template_string("{% for _ in [1] %}{{ told() }}{% endfor %}", name="Ines") == "Ines"
