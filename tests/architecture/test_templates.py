"""Rules that every template keeps: nothing inline or unescaped, one root a fragment, only what exists is named."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, meta

from rhesis_app.infra.site import site_directory

TEMPLATES = site_directory() / "templates"
PATHS = sorted(TEMPLATES.rglob("*.html"))
FRAGMENTS = [path for path in PATHS if path.name.startswith("_")]
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "use", "wbr"}

FORBIDDEN = {
    "an inline style": re.compile(r"""\sstyle\s*=|['"]style['"]\s*:"""),
    "a style element": re.compile(r"<style\b"),
    "an inline handler": re.compile(r"""[\s'"]on[a-z]+\s*=|['"]on[a-z]+['"]\s*:"""),
    "hx-on, which needs eval": re.compile(r"hx-on\b"),
    "values made by script": re.compile(r"""["']\s*(js|javascript):"""),
    "a trigger filter, which needs eval": re.compile(r"hx-trigger=[\"'][^\"']*\["),
    "an unescaped value": re.compile(r"\|\s*safe\b|\bMarkup\b|{%-?\s*autoescape"),
    "a script with content": re.compile(r"<script\b[^>]*>[^<]"),
    "something from another host": re.compile(r"""(src|href|action)=["']\s*(https?:)?//"""),
}


def name_of(path: Path) -> str:
    return path.relative_to(TEMPLATES).as_posix()


def without_comments(path: Path) -> str:
    return re.sub(r"{#.*?#}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_nothing_is_inline_and_nothing_unescaped(path: Path) -> None:
    source = without_comments(path)
    found = {what: match.group() for what, rule in FORBIDDEN.items() if (match := rule.search(source))}
    assert not found


WRONG = """
<p style="x">
attrs={'style': 1}
<style>
<a onclick="x">
{'onclick': 1}
<a hx-on:click="x">
{'hx-on': 1}
hx-vals='js:x'
href="javascript:x"
hx-trigger="keyup[ctrlKey]"
{{ x|safe }}
{% autoescape false %}
<script>x</script>
<script src="https://x">
<form action="//x">
"""


@pytest.mark.parametrize("source", WRONG.split("\n")[1:-1])
def test_the_rules_catch_what_they_forbid(source: str) -> None:
    assert any(rule.search(source) for rule in FORBIDDEN.values())


@pytest.mark.parametrize("path", PATHS, ids=name_of)
def test_scripts_carry_the_nonce(path: Path) -> None:
    for script in re.findall(r"<script\b[^>]*>", without_comments(path)):
        assert re.search(r'nonce="{{ (shell\.)?nonce }}"', script)


class Roots(HTMLParser):
    """Elements at the top of a fragment, as (tag, id)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.depth = 0
        self.roots: list[tuple[str, str | None]] = []
        self.loose_text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.depth == 0:
            self.roots.append((tag, dict(attrs).get("id")))
        if tag not in VOID:
            self.depth += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.depth == 0:
            self.roots.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def handle_data(self, text: str) -> None:
        if self.depth == 0:
            self.loose_text += text.strip()


def markup_of(source: str) -> str:
    """The source with its expressions as plain words and its statements gone: every branch of it is kept."""
    source = re.sub(r"{%-?\s*(macro|block)\b.*?%}", "", source, flags=re.DOTALL)
    source = re.sub(r"{%.*?%}", "", source, flags=re.DOTALL)
    return re.sub(r"{{.*?}}", "x", source, flags=re.DOTALL)


@pytest.mark.parametrize("path", FRAGMENTS, ids=name_of)
def test_a_fragment_has_exactly_one_root_with_an_id(path: Path) -> None:
    found = Roots(markup_of(without_comments(path)))
    assert found.depth == 0, "an element is left open, or a branch opens what another closes"
    assert not found.loose_text
    ((_, identity),) = found.roots
    assert identity


@pytest.mark.parametrize("source", ["<p id='a'></p><p id='b'></p>", "<p>x</p>", "x", "<div id='a'>", ""])
def test_the_check_of_roots_sees_what_is_wrong(source: str) -> None:
    found = Roots(source)
    is_right = found.depth == 0 and len(found.roots) == 1 and bool(found.roots[0][1]) and not found.loose_text
    assert not is_right


def parsed() -> Iterator[tuple[Path, set[str]]]:
    environment = Environment(autoescape=True)
    for path in PATHS:
        tree = environment.parse(path.read_text(encoding="utf-8"), filename=str(path))
        yield path, {name for name in meta.find_referenced_templates(tree) if name}


def test_every_template_that_is_named_exists() -> None:
    known = {name_of(path) for path in PATHS}
    missing = {(name_of(path), name) for path, names in parsed() for name in names if name not in known}
    assert not missing


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    sprite = (site_directory() / "static" / "img" / "icons.svg").read_text(encoding="utf-8")
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    calls = re.compile(r"""(?:\bicon|\bdraw)\(["']([\w-]+)["']|\bicon(?:_name)?=["']([\w-]+)["']""")
    named = {
        (name_of(path), first or second) for path in PATHS for first, second in calls.findall(without_comments(path))
    }
    assert named
    assert not {(where, name) for where, name in named if name not in drawn}


def test_posted_forms_outside_of_sign_in_carry_a_token() -> None:
    """Sign-in and first start have no token yet: Origin and Sec-Fetch-Site protect them."""
    open_forms = {
        "auth/login.html",
        "auth/second_step.html",
        "auth/first_start.html",
        "auth/sign_in_link.html",
        "auth/invitation.html",
        "auth/register.html",
        "auth/finish.html",
        "auth/forgotten.html",
        "auth/reset.html",
    }
    posted = re.compile(r"<form\b[^>]*method=\"post\".*?</form>", flags=re.DOTALL)
    forms = [(name_of(path), form) for path in PATHS for form in posted.findall(without_comments(path))]
    assert forms
    assert not [(name, form) for name, form in forms if name not in open_forms and "csrf" not in form]
