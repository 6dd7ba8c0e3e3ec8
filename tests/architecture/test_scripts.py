"""Our own scripts write texts as texts, listen to nobody else, keep nothing but the theme, and let people paste."""

import re
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "static/js").glob("*.js"))
NEVER = re.compile(
    r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|Function|sessionStorage|indexedDB|document\.cookie|postMessage)\b"
    r"|addEventListener\(\s*[\"'](?:message|paste)|set(?:Timeout|Interval)\(\s*[\"'`]"
)
KEPT = re.compile(r"localStorage\.\w+\(\s*[\"'](\w+)")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_makes_no_html_and_runs_no_text(script: Path) -> None:
    assert NEVER.findall(script.read_text("utf-8")) == []


def test_the_browser_keeps_the_theme_and_nothing_else() -> None:
    kept = {name for script in SCRIPTS for name in KEPT.findall(script.read_text("utf-8"))}
    assert kept == {"theme"}


def test_the_rule_catches_what_it_forbids() -> None:
    for text in (
        "x.innerHTML = y",
        "window.addEventListener('message', f)",
        "setTimeout('f()', 1)",
        "eval(x)",
        "new Function(x)",
    ):
        assert NEVER.search(text), text
